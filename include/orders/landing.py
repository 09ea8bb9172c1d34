"""Where raw pages lie: one gzip JSON file a page, below RAW_URL, on any store fsspec knows."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime

from upath import UPath

from include.errors import LoadError, TransientError

# Level 1 takes 0.4 times the CPU of level 6 for pages a third larger; pages are kept for weeks, not years.
COMPRESSION_LEVEL = 1


def page_url(raw_url: str, seller_id: str, window_start_utc: datetime, window_end_utc: datetime, number: int) -> str:
    """Name the place of a page: `RAW_URL/orders/SELLER/START_END/page-0001.json.gz`."""
    start, end = (bound.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ") for bound in (window_start_utc, window_end_utc))
    return str(UPath(raw_url) / "orders" / seller_id / f"{start}_{end}" / f"page-{number:04d}.json.gz")


def write_page(url: str, body: bytes) -> None:
    """Write a page whole or not at all: under a temporary name first, renamed when complete.

    A second call replaces the page.

    Raises:
        TransientError: The store refused it: no space, no access, out of reach. Worth another try after a while.
    """
    target = UPath(url)
    half = target.with_name(f".{target.name}.half")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(gzip.compress(body, COMPRESSION_LEVEL, mtime=0))
        target.fs.mv(half.path, target.path)
    except OSError as refused:
        raise TransientError(f"The page {url} could not be written: {refused.strerror or refused}.") from refused
    finally:
        half.unlink(missing_ok=True)


def read_page(url: str) -> bytes:
    """Return a landed page, unpacked.

    Raises:
        LoadError: It is not there any more, or spoilt.
    """
    try:
        return gzip.decompress(UPath(url).read_bytes())
    except FileNotFoundError:
        fate = "gone"
    except (gzip.BadGzipFile, EOFError, zlib.error):
        fate = "spoilt"
    raise LoadError(
        f"The landed page {url} is {fate}.",
        remedy="Put it back, or extract its window again as docs/runbook.md says.",
    )
