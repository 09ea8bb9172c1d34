"""PyAirbyte loading orders with their items into DuckDB, its cache by default; its connector has a Python of its own.

Told on standard input: the start of the orders, the connector's executable, the credentials, and a folder to work in.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

# Read when the package is imported: no registry, nobody told.
os.environ |= {"AIRBYTE_OFFLINE_MODE": "1", "DO_NOT_TRACK": "1"}

import airbyte
from sqlalchemy import text

COUNT = text("SELECT (SELECT count(*) FROM main.orders), (SELECT count(*) FROM main.orderitems)")


def main() -> None:
    """Load, and say what that cost this process and its connector together."""
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    source = airbyte.get_source(
        "source-amazon-seller-partner", config=asked["config"], local_executable=Path(asked["executable"])
    )
    source.select_streams(["Orders", "OrderItems"])
    cache = airbyte.DuckDBCache(db_path=folder / "cache.duckdb", cache_dir=folder / "cache")
    source.read(cache, force_full_refresh=True)
    with cache.get_sql_engine().connect() as tables:
        orders, items = tables.execute(COUNT).one()
    ours, connectors = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    spent = {
        "orders": orders,
        "items": items,
        "process_cpu_s": sum(used.ru_utime + used.ru_stime for used in (ours, connectors)),
        "connector_cpu_s": connectors.ru_utime + connectors.ru_stime,
        # The larger of the two, both of which run at once.
        "peak_mib": max(ours.ru_maxrss, connectors.ru_maxrss) / 1024,
    }
    sys.stdout.write("\n" + json.dumps(spent) + "\n")


if __name__ == "__main__":
    main()
