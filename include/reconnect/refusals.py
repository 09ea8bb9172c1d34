"""What the sellers' pages answer instead of a page, by what went wrong; nothing of an error's text is in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from include.errors import SettingsError, TransientError
from include.reconnect.start_page import notice_page
from include.reconnect.way_page import way_page

log = logging.getLogger(__name__)
PAGES: Final = {400: "not_amazon", 403: "elsewhere", 429: "too_many"}


@cache
def _page(status: int) -> str:
    # Written once: it is most of what a crowd gets to see.
    return notice_page("nothing_here") if status == 404 else way_page(PAGES[status], None)


def _refusal(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status in PAGES or status == 404:
        return HTMLResponse(_page(status), status)
    return PlainTextResponse(HTTPStatus(status).phrase, status, headers=getattr(error, "headers", None))


def _unusable_sellers(_: Request, __: Exception) -> Response:
    log.error("A setting, WAREHOUSE_DSN or the sellers' file is unusable: `python -m include.operations doctor` says.")
    return HTMLResponse(notice_page("trouble"), 503)


def _not_now(_: Request, error: Exception) -> Response:
    log.warning("A page could not be shown: %s", type(error).__name__)
    return HTMLResponse(notice_page("trouble"), 503)


def _defect(_: Request, __: Exception) -> Response:
    return HTMLResponse(notice_page("trouble"), 500)


REFUSALS: Final[Mapping[Any, Callable[[Request, Exception], Response]]] = {
    HTTPException: _refusal,
    SettingsError: _unusable_sellers,
    TransientError: _not_now,
    500: _defect,
}
