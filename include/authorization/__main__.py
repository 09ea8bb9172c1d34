"""`python -m include.authorization authorized SELLER --on DAY`: what only a person can know.

Amazon tells nobody when a seller authorized an application; Seller Central shows the day under Manage Your Apps.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime, time

from include.authorization.status import read_authorization, record_authorized
from include.clock import utc_now
from include.errors import SellerOrdersError, SettingsError
from include.sellers.registry import require_seller
from include.settings import load_settings
from include.warehouse.connection import connect, warehouse_errors


def main(arguments: list[str] | None = None) -> int:
    """Note it, and say when the authorization ends; a known problem is one sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m include.authorization", description=__doc__)
    authorized = parser.add_subparsers(dest="command", required=True).add_parser("authorized", help="note the day")
    authorized.add_argument("seller", help="the seller's id in sellers.yaml")
    authorized.add_argument("--on", required=True, help="the day, YYYY-MM-DD")
    chosen = parser.parse_args(arguments)
    try:
        print(_note(chosen.seller, chosen.on))
    except SellerOrdersError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def _note(seller_id: str, day: str) -> str:
    try:
        authorized_on = date.fromisoformat(day)
    except ValueError:
        authorized_on = date.max
    if authorized_on > utc_now().date():
        raise SettingsError(f"ON is {day!r}; expected a day of the past, YYYY-MM-DD.")
    settings = load_settings()
    seller = require_seller(settings.sellers_file, seller_id)
    authorized_utc = datetime.combine(authorized_on, time.min, tzinfo=UTC)
    with connect(settings.warehouse_dsn) as connection, warehouse_errors():
        record_authorized(connection, seller, authorized_utc, now_utc=utc_now())
        expires_utc = read_authorization(connection, seller_id).expires_utc
    if expires_utc is None:
        return f"{seller_id}: authorized on {day}; a private application does not expire by date."
    return f"{seller_id}: authorized on {day}, ends on {expires_utc:%Y-%m-%d}."


if __name__ == "__main__":
    sys.exit(main())
