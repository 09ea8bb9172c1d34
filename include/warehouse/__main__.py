"""`python -m include.warehouse`: migrate the warehouse that WAREHOUSE_DSN names."""

from __future__ import annotations

import sys

from include.errors import SellerOrdersError
from include.settings import load_settings
from include.warehouse.migrate import migrate


def main() -> int:
    """Migrate, and say in one sentence what is wrong where that fails."""
    try:
        migrate(load_settings().warehouse_dsn)
    except SellerOrdersError as problem:
        print(problem, file=sys.stderr)
        return 1
    print("The warehouse is up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
