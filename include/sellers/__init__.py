"""Who trades where: the sellers of `sellers.yaml`, Amazon's regions and its marketplaces.

Airflow imports this room every time it parses the DAGs, so it is quick and importing it reads no file and asks nobody.
It knows nothing of credentials, orders or Airflow. The door is `include.sellers.registry`.
"""
