"""`python -m include.operations doctor`, `… offboard SELLER`, `… forget SELLER`: what the Makefile's targets call."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable

from dotenv import load_dotenv

from include.clock import utc_now
from include.consent.means import make_means
from include.errors import SellerOrdersError
from include.operations.doctor import examine, line_of
from include.operations.finding import Finding
from include.operations.forget import forget
from include.operations.offboarding import offboard
from include.settings import PROJECT_ROOT, load_consent_settings, load_notification_settings, load_settings
from include.warehouse.connection import connect, warehouse_errors


def main(arguments: list[str] | None = None) -> int:
    """Do it, one line a step; a known problem is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m include.operations", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="look whether everything is set up; changes nothing")
    leaving = commands.add_parser("offboard", help="let a seller go")
    leaving.add_argument("seller", help="the seller's id")
    leaving.add_argument("--data", required=True, choices=("keep", "delete"), help="what becomes of the orders")
    forgetting = commands.add_parser("forget", help="delete personal data at once")
    forgetting.add_argument("seller", help="the seller's id")
    forgetting.add_argument("--order", default="", help="Amazon's id of one order; default: all of the seller's")
    forgetting.add_argument("--by", default="", help="who asked: a login or a ticket's number; default: your login")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "forget":
            return _forget(chosen)
        means = make_means(load_settings(), load_notification_settings(), load_consent_settings())
        if chosen.command == "doctor":
            return _say(examine(means))
        with warehouse_errors(), connect(means.settings.warehouse_dsn) as connection:
            for step in offboard(connection, chosen.seller, means, delete_data=chosen.data == "delete"):
                print(step, flush=True)
    except SellerOrdersError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def _forget(chosen: argparse.Namespace) -> int:
    settings = load_settings()
    with warehouse_errors(), connect(settings.warehouse_dsn) as connection:
        for line in forget(
            connection, chosen.seller, settings, order_id=chosen.order, requested_by=chosen.by, now=utc_now
        ):
            print(line, flush=True)
    return 0


def _say(findings: Iterable[tuple[str, Finding]]) -> int:
    said: Counter[str] = Counter()
    for name, finding in findings:
        print(line_of(name, finding), flush=True)
        said[finding.state] += 1
    print(f"\n{said['ok']} fine, {said['look']} to look at, {said['wrong']} wrong.")
    return 1 if said["wrong"] else 0


if __name__ == "__main__":
    load_dotenv(PROJECT_ROOT / ".env")
    sys.exit(main())
