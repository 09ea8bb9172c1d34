"""`python -m include.sellers [FILE]`: is the sellers' file all right? `make lint` asks this way."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dotenv import load_dotenv

from include.errors import SettingsError
from include.sellers.registry import MisconfiguredSeller, load_sellers
from include.settings import PROJECT_ROOT, load_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Print how many sellers there are, or one line a problem; without an argument for the file of the settings.

    Returns:
        0 if every entry is usable, 1 otherwise.
    """
    parser = argparse.ArgumentParser(prog="python -m include.sellers", description="Check the sellers' file.")
    parser.add_argument("file", nargs="?", type=Path, help="another file than the one of the settings (SELLERS_FILE)")
    file: Path | None = parser.parse_args(argv).file
    try:
        sellers = load_sellers(file or load_settings().sellers_file)
    except SettingsError as error:
        print(error)
        return 1
    broken = [seller for seller in sellers if isinstance(seller, MisconfiguredSeller)]
    for entry in broken:
        for problem in entry.problems:
            print(f"{entry.path}:{entry.line}: {entry.who}: {problem}.")
    if not broken:
        print(f"{len(sellers)} seller{'' if len(sellers) == 1 else 's'}, all fine")
    return 1 if broken else 0


if __name__ == "__main__":
    load_dotenv(PROJECT_ROOT / ".env")
    sys.exit(main())
