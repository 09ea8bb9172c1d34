"""What Seller Orders does, room by room: domain code that knows no Airflow, and the few rooms where both meet."""
