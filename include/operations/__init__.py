"""What operators do by a command of their own: look whether everything is set up, let a seller go.

Stands above every domain room and below nothing: no task and no page calls it. Knows Airflow by its gateway.
"""
