"""Where raw pages lie: one gzip JSON file a page, below RAW_URL, on any store fsspec knows."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterable
from datetime import UTC
from typing import IO, Final, TypeVar, cast

from upath import UPath

from include.errors import LoadError
from include.orders import store
from include.orders.windows import Window

# Level 1 takes 0.4 times the CPU of level 6 for pages a third larger; pages are kept for weeks, not years.
COMPRESSION_LEVEL = 1
READ_AT_ONCE: Final = 1024 * 1024
Unpacked = TypeVar("Unpacked")


def page_url(raw_url: str, seller_id: str, window: Window, number: int) -> str:
    """Name the place of a page: `RAW_URL/orders/SELLER/START_END_WINDOW/page-0001.json.gz`.

    The window's number is part of it, so that a stretch read again leaves the pages of the first time alone.
    """
    bounds = (window.window_start_utc, window.window_end_utc)
    start, end = (bound.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ") for bound in bounds)
    folder = UPath(seller_folder(raw_url, seller_id)) / f"{start}_{end}_{window.window_id}"
    return str(folder / f"page-{number:04d}.json.gz")


def report_url(raw_url: str, seller_id: str, report_no: int) -> str:
    """Name the place of a report: `RAW_URL/orders/SELLER/reports/report-000001.tsv.gz`."""
    return str(UPath(seller_folder(raw_url, seller_id)) / "reports" / f"report-{report_no:06d}.tsv.gz")


def seller_folder(raw_url: str, seller_id: str) -> str:
    """Name the folder that holds all of a seller's pages."""
    return str(UPath(raw_url) / "orders" / seller_id)


def root_of(url: str, seller_id: str) -> str:
    """Return the RAW_URL of the time a seller's page landed."""
    return url.partition(f"/orders/{seller_id}/")[0]


def write_page(url: str, body: bytes) -> None:
    """Write a page whole or not at all; a second call replaces it. Raises as `include.orders.store.write` does."""
    store.write(url, gzip.compress(body, COMPRESSION_LEVEL, mtime=0))


def write_lines(url: str, lines: Iterable[str]) -> int:
    """Pack lines as they come, write them whole or not at all; returns how many. Raises as `write_page` does."""
    packed, count = io.BytesIO(), 0
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=COMPRESSION_LEVEL, mtime=0) as file:
        for count, line in enumerate(lines, start=1):  # noqa: B007 - told afterwards
            file.write(line.encode())
    store.write(url, packed.getvalue())
    return count


def read_page(url: str) -> bytes:
    """Return a landed page, unpacked.

    Raises:
        LoadError: It is not there any more, or spoilt.
        SellerOrdersError: The store refuses it, as `include.orders.store.write` says.
    """
    return _unpacked(url, gzip.decompress)


def open_page(url: str) -> IO[bytes]:
    """Open what landed, to be unpacked as it is read; whether it is whole is looked at first. Raises as `read_page`."""
    return _unpacked(url, _opened)


def delete_pages(urls: Iterable[str]) -> None:
    """Delete landed pages with whatever else lies in their folders; what is gone already is no error.

    Raises:
        SellerOrdersError: The store refused it, as `include.orders.store.write` says; say it again.
    """
    for folder in dict.fromkeys(str(UPath(url).parent) for url in urls):
        store.delete_folder(folder)


def _unpacked(url: str, unpack: Callable[[bytes], Unpacked]) -> Unpacked:
    content = store.read(url)
    fate = "gone"
    if content is not None:
        try:
            return unpack(content)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            fate = "spoilt"
    raise LoadError(
        f"The landed page {store.shown(url)} is {fate}.",
        remedy="Put it back, or extract its window again as docs/runbook.md says.",
    )


def _opened(content: bytes) -> IO[bytes]:
    page = gzip.open(io.BytesIO(content))  # noqa: SIM115 - it is closed with its last reader
    while page.read(READ_AT_ONCE):
        pass
    page.seek(0)
    return cast("IO[bytes]", page)
