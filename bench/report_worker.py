"""A landed report's load, a process of its own: `python -m bench.report_worker REPORT_FILE < access.json`.

What it spent, and what of it reading by pandas took, goes to stdout as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO

from bench.access import Access
from bench.machine import peak_memory_mib
from include.clock import utc_now
from include.orders import report_rows, totals
from include.orders.flat_file import ReportedOrder, without_personal_columns
from include.orders.landing import write_lines
from include.sellers.regions import Region
from include.warehouse.connection import connect

DAYS = 30
_reading_cpu_s = [0.0]
_read = totals.read_flat_file


def _timed_read(file: IO[bytes], region: Region) -> Iterator[list[ReportedOrder]]:
    """What the product calls, its CPU counted."""
    reading = _read(file, region)
    while True:
        begun_s = time.process_time()
        orders = next(reading, None)
        _reading_cpu_s[0] += time.process_time() - begun_s
        if orders is None:
            return
        yield orders


def main(report_file: str) -> None:
    """Land the report, then load it and say what that cost."""
    access = Access(**json.load(sys.stdin))
    seller, now_utc = access.seller(), utc_now()
    with connect(access.warehouse_dsn) as connection:
        window = (now_utc - timedelta(days=DAYS), now_utc)
        report_rows.want(connection, seller.seller_id, [window], now_utc=now_utc)
        (report,) = report_rows.open_reports(connection, seller.seller_id, "wanted")
        url = f"file://{report_file}.landed"
        with Path(report_file).open(encoding="utf-8", newline="\n") as lines:
            write_lines(url, without_personal_columns(lines))
        report_rows.note_landed(connection, report, url, now_utc=now_utc)
        totals.read_flat_file = _timed_read
        begun_s = time.process_time()
        importlib.import_module("pandas")
        imported_s = time.process_time() - begun_s
        orders = totals.load_reports(connection, seller, utc_now)
    spent = {
        "orders": orders,
        "load_cpu_s": time.process_time() - begun_s,
        "import_cpu_s": imported_s,
        "reading_cpu_s": imported_s + _reading_cpu_s[0],
        "peak_mib": peak_memory_mib(),
    }
    sys.stdout.write(json.dumps(spent) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
