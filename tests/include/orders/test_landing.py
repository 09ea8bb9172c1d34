"""Raw pages on a disk and in fsspec's memory: whole or not at all, the same bytes each time, found again."""

from __future__ import annotations

import dataclasses
import gzip
import importlib.util
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from upath import UPath

from include import settings
from include.errors import LoadError, TransientError
from include.orders.landing import delete_pages, page_url, read_page, write_page
from tests.payloads.windows import a_window

WINDOW = a_window(
    window_id=12,
    window_start_utc=datetime(2026, 10, 1, tzinfo=UTC),
    window_end_utc=datetime(2026, 10, 5, 11, 58, tzinfo=UTC),
)
BODY = '{"orders":[],"title":"お茶"}'.encode() * 50


@pytest.fixture(params=["file", "path", "memory"])
def raw_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A landing on each kind of store that these tests can have."""
    name = f"landing of {tmp_path.name}"
    return {"file": f"file://{tmp_path / name}", "path": str(tmp_path / name), "memory": f"memory://{name}"}[
        request.param
    ]


def stored(raw_url: str) -> list[str]:
    return sorted(path.name for path in UPath(raw_url).rglob("*") if path.is_file())


def test_a_page_has_its_place_by_seller_window_and_number() -> None:
    url = page_url("s3://bucket/raw", "acme", WINDOW, 7)
    folder = "20261001T000000.000000Z_20261005T115800.000000Z_12"
    assert url == f"s3://bucket/raw/orders/acme/{folder}/page-0007.json.gz"


def test_a_page_has_the_same_place_whatever_the_zone_of_its_bounds(raw_url: str) -> None:
    berlin = timezone(timedelta(hours=2))
    here = dataclasses.replace(
        WINDOW,
        window_start_utc=WINDOW.window_start_utc.astimezone(berlin),
        window_end_utc=WINDOW.window_end_utc.astimezone(berlin),
    )
    assert page_url(raw_url, "acme", here, 1) == page_url(raw_url, "acme", WINDOW, 1)


def test_windows_that_differ_by_a_microsecond_do_not_share_a_place(raw_url: str) -> None:
    later = dataclasses.replace(WINDOW, window_end_utc=WINDOW.window_end_utc + timedelta(microseconds=1))
    assert page_url(raw_url, "acme", WINDOW, 1) != page_url(raw_url, "acme", later, 1)


def test_a_stretch_that_is_read_again_leaves_the_pages_of_the_first_time_alone(raw_url: str) -> None:
    again = dataclasses.replace(WINDOW, window_id=13)
    first, second = (page_url(raw_url, "acme", window, 1) for window in (WINDOW, again))
    write_page(first, b"first")
    write_page(second, b"second")
    assert (read_page(first), read_page(second)) == (b"first", b"second")


def test_pages_sort_by_number_up_to_9999(raw_url: str) -> None:
    urls = [page_url(raw_url, "acme", WINDOW, number) for number in (1, 2, 10, 100, 9999)]
    assert urls == sorted(urls)


def test_what_is_written_is_read_back(raw_url: str) -> None:
    url = page_url(raw_url, "acme", WINDOW, 1)
    write_page(url, BODY)
    assert read_page(url) == BODY
    assert stored(raw_url) == ["page-0001.json.gz"]


def test_a_page_is_gzip_that_any_tool_reads(tmp_path: Path) -> None:
    url = page_url(f"file://{tmp_path}", "acme", WINDOW, 1)
    write_page(url, BODY)
    (page,) = tmp_path.rglob("*.gz")
    assert gzip.decompress(page.read_bytes()) == BODY
    assert len(page.read_bytes()) < len(BODY)


def test_the_same_page_is_the_same_bytes_at_any_time(raw_url: str) -> None:
    first, second = (page_url(raw_url, "acme", WINDOW, number) for number in (1, 2))
    write_page(first, BODY)
    write_page(second, BODY)
    content = UPath(first).read_bytes()
    assert content == UPath(second).read_bytes()
    assert content[4:8] == b"\0\0\0\0", "the header names a time"


def test_a_second_writing_replaces_the_page(raw_url: str) -> None:
    url = page_url(raw_url, "acme", WINDOW, 1)
    write_page(url, b"old")
    write_page(url, b"new")
    assert read_page(url) == b"new"
    assert stored(raw_url) == ["page-0001.json.gz"]


def test_the_default_landing_is_in_the_projects_folder_even_where_its_name_has_a_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "my orders" / "include" / "settings" / "product.py"
    elsewhere.parent.mkdir(parents=True)
    shutil.copy(settings.product.__file__, elsewhere)
    spec = importlib.util.spec_from_file_location("settings_elsewhere", elsewhere)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "settings_elsewhere", module)
    spec.loader.exec_module(module)
    write_page(page_url(module.Settings().raw_url, "acme", WINDOW, 1), BODY)
    assert len(list((tmp_path / "my orders" / ".run" / "raw").rglob("page-0001.json.gz"))) == 1


def test_a_page_that_is_not_there_is_named_with_the_way_out(raw_url: str) -> None:
    with pytest.raises(LoadError, match=r"page-0001.json.gz is gone.*runbook"):
        read_page(page_url(raw_url, "acme", WINDOW, 1))


@pytest.mark.parametrize(
    "spoil", [lambda page: page[:-9], lambda page: b"no gzip", lambda page: page[:12] + b"\0" * 40]
)
def test_a_page_that_was_spoilt_is_named_too(raw_url: str, spoil: Callable[[bytes], bytes]) -> None:
    url = page_url(raw_url, "acme", WINDOW, 1)
    write_page(url, BODY)
    UPath(url).write_bytes(spoil(UPath(url).read_bytes()))
    with pytest.raises(LoadError, match=r"page-0001.json.gz is spoilt"):
        read_page(url)


@pytest.mark.parametrize("earlier", [False, True], ids=["leaves nothing", "leaves the earlier page as it was"])
@pytest.mark.parametrize("fault", ["write", "rename"])
def test_a_writing_that_fails(raw_url: str, monkeypatch: pytest.MonkeyPatch, fault: str, earlier: bool) -> None:
    url = page_url(raw_url, "acme", WINDOW, 1)
    if earlier:
        write_page(url, b"earlier")
    if fault == "write":

        def write_half(path: UPath, data: bytes) -> int:
            with path.open("wb") as file:
                file.write(data[: len(data) // 2])
            raise OSError("No space left on device")

        monkeypatch.setattr(type(UPath(url)), "write_bytes", write_half)
    else:

        def refuse(*_: object, **__: object) -> None:
            raise OSError("No space left on device")

        monkeypatch.setattr(type(UPath(url).fs), "mv", refuse)
    with pytest.raises(TransientError, match="could not be written: No space left"):
        write_page(url, BODY)
    monkeypatch.undo()
    assert stored(raw_url) == ["page-0001.json.gz"] * earlier
    if earlier:
        assert read_page(url) == b"earlier"


def test_a_reader_never_sees_half_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = page_url(f"file://{tmp_path}", "acme", WINDOW, 1)
    write_page(url, b"earlier")
    seen = []
    filesystem = type(UPath(url).fs)
    rename = filesystem.mv

    def look_before_renaming(*arguments: object, **options: object) -> object:
        seen.append(read_page(url))
        return rename(*arguments, **options)

    monkeypatch.setattr(filesystem, "mv", look_before_renaming)
    write_page(url, BODY)
    assert (seen, read_page(url)) == ([b"earlier"], BODY)


def test_deleting_pages_takes_their_folders_along_and_leaves_other_windows(raw_url: str) -> None:
    other = dataclasses.replace(WINDOW, window_id=13)
    old = [page_url(raw_url, "acme", WINDOW, number) for number in (1, 2)]
    kept = page_url(raw_url, "acme", other, 1)
    for url in (*old, kept):
        write_page(url, BODY)
    delete_pages(old)
    assert not UPath(old[0]).parent.exists()
    assert read_page(kept) == BODY


def test_pages_that_are_gone_already_are_deleted_all_the_same(raw_url: str) -> None:
    delete_pages([page_url(raw_url, "acme", WINDOW, 1)])
