"""The product's part of `load`, a process of its own: `python -m bench.load_worker RAW_URL < access.json`.

What it spent goes to stdout as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from bench.access import Access, open_client, run_to_the_end
from bench.machine import peak_memory_mib
from include.warehouse.connection import connect


def main(raw_url: str) -> None:
    """Load everything, then say what it cost."""
    imported_cpu_s, begun_s = time.process_time(), time.perf_counter()
    access = Access(**json.load(sys.stdin))
    settings = access.settings(raw_url)
    with connect(access.warehouse_dsn) as connection:
        client = open_client(access, settings, connection)
        runs = run_to_the_end(access.seller(), client, connection, settings)
    spent = {
        "runs": runs,
        "wall_s": time.perf_counter() - begun_s,
        "work_cpu_s": time.process_time() - imported_cpu_s,
        "process_cpu_s": time.process_time(),
        "peak_mib": peak_memory_mib(),
    }
    sys.stdout.write(json.dumps(spent) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
