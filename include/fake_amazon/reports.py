"""The Reports API v2021-06-30, for one report type: created, generated for a while, fetched as a document.

Reports live in memory: a restart of the fake forgets them, and whoever asks for one then gets a 404.
"""

from __future__ import annotations

import gzip
import itertools
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from include.fake_amazon.call import Call
from include.fake_amazon.errors import INVALID_INPUT, MARKETPLACE_NOT_IN_REGION, RESOURCE_NOT_FOUND, RefusedError
from include.fake_amazon.flat_file import flat_file
from include.fake_amazon.instants import format_instant
from include.fake_amazon.marketplaces import BY_ID
from include.fake_amazon.search_parameters import latest_end
from include.fake_amazon.visibility import Window, find_orders
from include.fake_amazon.world import ShopState, World

REPORT_TYPE = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
LONGEST = timedelta(days=30)
TOO_LONG = "Date range exceeded. Report can be requested only upto 30 days"
URL_LIFE = timedelta(minutes=5)
MOST_MARKETPLACES = 25
DOWNLOAD_PATH = "report-documents"
# A report of a million orders takes minutes to write; all others are there before anybody asks.
PATIENCE_S = 2.0


class _Wanted(msgspec.Struct, rename="camel"):
    report_type: str
    marketplace_ids: list[str]
    data_start_time: datetime
    data_end_time: datetime | None = None


@dataclass(slots=True)
class _Report:
    report_id: str
    shop_id: str
    region: str
    wanted: _Wanted
    end_utc: datetime
    created_utc: datetime
    created_s: float
    generation_s: float
    text: Future[str] | None
    fatal: bool


class Reports:
    """Answers the three operations for one world, and hands the documents out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._reports: dict[str, _Report] = {}
        self._numbers = itertools.count(50_001)
        self._writer = ThreadPoolExecutor(1, "reports")

    def create(self, call: Call) -> dict[str, object]:
        """CreateReport.

        Raises:
            RefusedError: The request is not usable.
        """
        wanted, now_utc = _read(call), self._world.clock.now()
        end_utc = (wanted.data_end_time or now_utc).astimezone(UTC)
        fatal, text = True, None
        if self._world.report_settings.fatal_texts:
            text = self._writer.submit(str, self._world.report_settings.fatal_texts.pop(0))
        elif end_utc - wanted.data_start_time > LONGEST:
            text = self._writer.submit(str, TOO_LONG)
        else:
            fatal, text = False, self._text(call.state, wanted, min(end_utc, latest_end(now_utc)), now_utc)
        report_id = f"{next(self._numbers)}018000"
        self._reports[report_id] = _Report(
            report_id,
            call.state.shop.shop_id,
            call.state.shop.region,
            wanted,
            end_utc,
            now_utc,
            self._world.plans.monotonic(),
            self._world.report_settings.generation_s / self._world.plans.rate_scale,
            text,
            fatal,
        )
        return {"reportId": report_id}

    def get(self, call: Call) -> dict[str, object]:
        """GetReport.

        Raises:
            RefusedError: The seller has no such report.
        """
        report = self._of_seller(call, call.id_)
        status = self._status(report)
        answer: dict[str, object] = {
            "reportId": report.report_id,
            "reportType": REPORT_TYPE,
            "marketplaceIds": report.wanted.marketplace_ids,
            "dataStartTime": format_instant(report.wanted.data_start_time.astimezone(UTC)),
            "dataEndTime": format_instant(report.end_utc),
            "createdTime": format_instant(report.created_utc),
            "processingStatus": status,
        }
        if status in ("DONE", "FATAL"):
            answer["reportDocumentId"] = _document_id(report)
        return answer

    def document(self, call: Call) -> dict[str, object]:
        """GetReportDocument.

        Raises:
            RefusedError: The seller has no such document, or not yet.
        """
        report = self._of_seller(call, call.id_.removeprefix("amzn1.spdoc.1.4."))
        if call.id_ != _document_id(report) or self._status(report) not in ("DONE", "FATAL"):
            raise RefusedError(RESOURCE_NOT_FOUND)
        until = format_instant(self._world.clock.now() + URL_LIFE)
        unpacks = ("enableContentEncodingUrlHeader", "true") in call.query
        token = self._world.mint.signed(msgspec.json.encode([report.report_id, until, unpacks]))
        url = f"{call.base_url}/{DOWNLOAD_PATH}/{token}"
        return {"reportDocumentId": call.id_, "url": url, "compressionAlgorithm": "GZIP"}

    def download(self, token: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a document's address; XML as the store's own where it is no longer good."""
        signed = self._world.mint.opened(token)
        report_id, until, unpacks = msgspec.json.decode(signed) if signed else ("", "", False)
        report = self._reports.get(report_id)
        if report is None or format_instant(self._world.clock.now()) > until:
            xml = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            return 403, {"Content-Type": "application/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'.encode()
        is_japanese = any(BY_ID[i].country_code == "JP" for i in report.wanted.marketplace_ids)
        charset, codec = ("Shift_JIS", "cp932") if is_japanese else ("ISO-8859-1", "iso-8859-1")
        headers = {"Content-Type": f"text/plain; charset={charset}"}
        if unpacks:
            headers["Content-Encoding"] = "gzip"
        return 200, headers, gzip.compress((report.text.result() if report.text else "").encode(codec, "replace"), 1)

    def _text(self, state: ShopState, wanted: _Wanted, end_utc: datetime, now_utc: datetime) -> Future[str] | None:
        start_utc = wanted.data_start_time.astimezone(UTC)
        window = Window(
            start_utc, end_utc, by_creation=False, as_of_utc=end_utc, marketplace_ids=frozenset(wanted.marketplace_ids)
        )
        versions = [v for v in find_orders(state, window, now_utc).versions if v.verbatim is None]
        return self._writer.submit(flat_file, state.shop.region, versions) if versions else None

    def _status(self, report: _Report) -> str:
        passed = self._world.plans.monotonic() - report.created_s
        if passed < report.generation_s:
            return "IN_QUEUE" if passed < report.generation_s / 3 else "IN_PROGRESS"
        if report.text and wait([report.text], PATIENCE_S).not_done:
            return "IN_PROGRESS"
        if report.fatal:
            return "FATAL"
        return "CANCELLED" if report.text is None else "DONE"

    def _of_seller(self, call: Call, report_id: str) -> _Report:
        report = self._reports.get(report_id)
        if report is None or report.shop_id != call.state.shop.shop_id:
            raise RefusedError(RESOURCE_NOT_FOUND)
        return report


def _document_id(report: _Report) -> str:
    return f"amzn1.spdoc.1.4.{report.report_id}"


def _read(call: Call) -> _Wanted:
    try:
        wanted = msgspec.json.decode(call.body, type=_Wanted)
    except msgspec.MsgspecError:
        raise RefusedError(INVALID_INPUT) from None
    ids = wanted.marketplace_ids
    if wanted.report_type != REPORT_TYPE or not 1 <= len(ids) <= MOST_MARKETPLACES:
        raise RefusedError(INVALID_INPUT)
    if wanted.data_start_time.tzinfo is None or (wanted.data_end_time and wanted.data_end_time.tzinfo is None):
        raise RefusedError(INVALID_INPUT)
    if any(i not in BY_ID or BY_ID[i].region != call.state.shop.region for i in ids):
        raise RefusedError(MARKETPLACE_NOT_IN_REGION)
    return wanted
