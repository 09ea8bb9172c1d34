"""Reports API v2021-06-30: ask for a report, ask how far it is, fetch its document.

Source: Amazon's model reports_2021-06-30 and its developer guide, read 2026-11-24. A document's address is good for
five minutes and needs no token, so that none is sent there.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from itertools import islice
from typing import IO, Final, TypeVar

import msgspec
import requests

from include.clock import format_utc
from include.errors import ContractError, TransportError
from include.spapi.answers import UNREADABLE, read_body
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import CREATE_REPORT, GET_REPORT, GET_REPORT_DOCUMENT

ORDERS_BY_LAST_UPDATE: Final = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
# Amazon makes no report over more; its document says so then.
LONGEST_DAYS: Final = 30
# What western documents are written in where they do not say.
FALLBACK_CHARSET: Final = "iso-8859-1"
DOWNLOAD_TIMEOUT_S: Final = 120.0
# Thirty days of the largest sellers, unpacked.
MOST_CHARACTERS: Final = 512 * 1024 * 1024
LONGEST_LINE: Final = 1024 * 1024
Shape = TypeVar("Shape")


class Report(msgspec.Struct, rename="camel"):
    """How far a report is.

    Attributes:
        processing_status: IN_QUEUE, IN_PROGRESS, DONE, CANCELLED (also where there is nothing to tell), FATAL.
        report_document_id: Of a DONE report's rows, or of a FATAL one's reason; None where there is no document.
    """

    report_id: str
    processing_status: str
    report_document_id: str | None = None


class _Created(msgspec.Struct, rename="camel"):
    report_id: str


class _Document(msgspec.Struct, rename="camel"):
    url: str
    compression_algorithm: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A downloaded document.

    Attributes:
        body: As it came.
        charset: How its text is encoded, a codec's name.
        is_packed: Whether it came as gzip.
    """

    body: bytes
    charset: str
    is_packed: bool

    def lines(self) -> Iterator[str]:
        """Unpack and read it, a line at a time in memory; what cannot be read becomes U+FFFD.

        Raises:
            ContractError: It is no gzip, cut off, or longer than anything Amazon has to tell.
        """
        # A small file can unfold to a thousand times its size, all of it one line.
        left = MOST_CHARACTERS
        if self.is_packed and not self.body:
            raise ContractError("A report's document is no gzip but nothing.")
        try:
            with self._open() as text:
                while line := text.readline(LONGEST_LINE):
                    left -= len(line)
                    if left < 0 or len(line) == LONGEST_LINE:
                        raise ContractError("A report's document, or a line of it, is too long to be one.")
                    yield line
        except EOFError:
            raise ContractError("A report's document is cut off.") from None
        except (gzip.BadGzipFile, zlib.error):
            raise ContractError("A report's document is no gzip.") from None
        except UnicodeError:
            raise ContractError(f"A report's document cannot be read as {self.charset[:40]!r}.") from None

    def beginning(self) -> str:
        """Return its first words, as a document that tells a reason has no others."""
        return "".join(islice(self.lines(), 20))[:200]

    def _open(self) -> IO[str]:
        packed = io.BytesIO(self.body)
        unpacked = gzip.GzipFile(fileobj=packed) if self.is_packed else packed
        try:
            return io.TextIOWrapper(unpacked, self.charset, "replace", newline="\n")
        except LookupError:
            return io.TextIOWrapper(unpacked, FALLBACK_CHARSET, newline="\n")


def create_report(
    client: SellingPartnerClient, start_utc: datetime, end_utc: datetime, marketplace_ids: Sequence[str]
) -> str:
    """Ask for a report of the orders last updated in a window, at most `LONGEST_DAYS` long; returns its id.

    Raises:
        SellerOrdersError: As `SellingPartnerClient.get` says.
    """
    body = {
        "reportType": ORDERS_BY_LAST_UPDATE,
        "dataStartTime": format_utc(start_utc),
        "dataEndTime": format_utc(end_utc),
        "marketplaceIds": list(marketplace_ids),
    }
    reply = client.post(CREATE_REPORT, body)
    return _decoded(reply.body, _Created, "createReport", reply.request_id).report_id


def get_report(client: SellingPartnerClient, report_id: str) -> Report:
    """Ask how far a report is. Raises as `SellingPartnerClient.get`."""
    reply = client.get(GET_REPORT, {}, id_=report_id)
    return _decoded(reply.body, Report, "getReport", reply.request_id)


def fetch_document(client: SellingPartnerClient, document_id: str) -> Document:
    """Ask for a document's address and download it at once.

    Raises:
        TransportError: The download failed; the next call gets another address.
        ContractError: What came is not what Amazon documents.
        SellerOrdersError: As `SellingPartnerClient.get` says.
    """
    reply = client.get(GET_REPORT_DOCUMENT, {}, id_=document_id)
    document = _decoded(reply.body, _Document, "getReportDocument", reply.request_id)
    try:
        answer = requests.get(document.url, timeout=DOWNLOAD_TIMEOUT_S, allow_redirects=False, stream=True)
    except requests.RequestException as lost:
        # Its text may hold the address, which is as good as a key for five minutes.
        raise TransportError(f"A report's document could not be downloaded ({type(lost).__name__}).") from None
    body = read_body(answer, "a report's document", timeout_s=DOWNLOAD_TIMEOUT_S)
    if answer.status_code != 200:
        raise TransportError(f"A report's document could not be downloaded (HTTP {answer.status_code}).")
    # Asked for by a header instead, the packing is gone already.
    is_packed = document.compression_algorithm == "GZIP" and not answer.headers.get("Content-Encoding")
    return Document(body, _charset(answer.headers.get("Content-Type", "")), is_packed)


def _charset(content_type: str) -> str:
    header = Message()
    header["Content-Type"] = content_type or "text/plain"
    return header.get_content_charset() or FALLBACK_CHARSET


def _decoded(body: bytes, shape: type[Shape], name: str, request_id: str) -> Shape:
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE as problem:
        raise ContractError(f"{name}: {problem}.", request_id=request_id) from None
