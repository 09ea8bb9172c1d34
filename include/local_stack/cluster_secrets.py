"""The cluster's passwords and keys, in the files that `make env` makes, with this machine's hosts in them."""

from __future__ import annotations

import subprocess
import sys

from include.local_stack.cluster_places import ClusterPlaces
from include.local_stack.passwords import Passwords
from include.settings import PROJECT_ROOT


def write_secrets(places: ClusterPlaces) -> None:
    """Write `.env` and `secrets/` into the cluster's folder, where they are absent, and make its other folders."""
    script = PROJECT_ROOT / "docker" / "make_env.py"
    subprocess.run([sys.executable, script, places.folder], check=True, capture_output=True)
    # The one secret that is an address: a start on other ports needs another one.
    password = (places.secrets / "loader_password").read_text()
    address = places.here(f"postgresql://loader:{password}@warehouse:5432/warehouse")
    (places.secrets / "warehouse_dsn").write_text(address)
    for folder in ("airflow", "raw", "redis"):
        (places.folder / folder).mkdir(exist_ok=True)


def passwords_of(places: ClusterPlaces) -> Passwords:
    """Read what a laptop's stack keeps in a file of its own."""

    def secret(name: str) -> str:
        return (places.secrets / name).read_text()

    return Passwords(
        superuser=secret("postgres_password"),
        airflow=secret("airflow_db_password"),
        loader=secret("loader_password"),
        analyst=secret("analyst_password"),
        ui=secret("ui_password"),
        fernet_key=secret("fernet_key"),
        jwt_secret=secret("jwt_secret"),
        api_secret_key=secret("api_secret_key"),
        secret_key=secret("secret_key"),
    )
