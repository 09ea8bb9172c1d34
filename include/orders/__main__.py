"""`python -m include.orders reload SELLER [--from INSTANT]`: what an operator does to the tables by hand."""

from __future__ import annotations

import argparse
import logging
import sys

from include.errors import SellerOrdersError
from include.orders.reload import reload_orders
from include.orders.requests import EXPECTED, read_instant
from include.settings import load_settings
from include.warehouse.connection import connect


def main(arguments: list[str] | None = None) -> int:
    """Do it, with progress on stderr; a known problem is one sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m include.orders", description=__doc__)
    reload = parser.add_subparsers(dest="command", required=True).add_parser("reload", help="load landed pages again")
    reload.add_argument("seller", help="the seller's id in sellers.yaml")
    reload.add_argument("--from", dest="from_utc", default="", help=f"{EXPECTED}; default: everything landed")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        from_utc = read_instant("FROM", chosen.from_utc) if chosen.from_utc else None
        with connect(load_settings().warehouse_dsn) as connection:
            loaded = reload_orders(connection, chosen.seller, from_utc)
    except SellerOrdersError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{chosen.seller}: {loaded.orders} orders, {loaded.items} items written; {loaded.rejected} rejected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
