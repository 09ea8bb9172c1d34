"""What we keep of Amazon's orders: windows asked, pages landed, records read, rows loaded.

Knows neither Airflow nor tokens; it is handed a seller's client and a connection to the warehouse.
"""
