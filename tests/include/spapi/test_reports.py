"""Reports: asked for, waited for, fetched at once; the document's address gets no token, and its text is read right."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest

from include.errors import ContractError, TransportError
from include.spapi import reports
from include.spapi.orders import get_order
from include.spapi.reports import Report, create_report, fetch_document, get_report
from tests.payloads.scripted_server import ScriptedServer, scripted_server

START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)


@pytest.fixture
def store():
    """Where documents lie."""
    with scripted_server() as server:
        yield server


def _given(server: ScriptedServer, store: ScriptedServer, *, packed: bool = True) -> None:
    algorithm = {"compressionAlgorithm": "GZIP"} if packed else {}
    server.say(200, {"reportDocumentId": "d", "url": f"{store.url}/key", **algorithm})


def test_a_report_is_asked_for_by_window_and_marketplaces(client, server):
    server.say(202, {"reportId": "50001"})
    assert create_report(client, START, END, ["A1PA6795UKMFR9"]) == "50001"
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/reports/2021-06-30/reports")
    assert json.loads(asked.body) == {
        "reportType": "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL",
        "dataStartTime": "2026-10-01T00:00:00Z",
        "dataEndTime": "2026-10-31T00:00:00Z",
        "marketplaceIds": ["A1PA6795UKMFR9"],
    }


@pytest.mark.parametrize("document_id", [None, "amzn1.spdoc.1"])
def test_how_far_a_report_is_is_told_in_amazons_words(client, server, document_id):
    body = {
        "reportId": "50001",
        "processingStatus": "IN_QUEUE",
        "reportType": "X",
        "createdTime": "2026-10-31T00:00:00Z",
    }
    server.say(200, body | ({"reportDocumentId": document_id} if document_id else {}))
    assert get_report(client, "50001") == Report("50001", "IN_QUEUE", document_id)
    assert server.asked[0].path == "/reports/2021-06-30/reports/50001"


def test_an_id_cannot_lead_to_another_path(client, server):
    server.say(200, {"reportId": "x", "processingStatus": "DONE"})
    get_report(client, "../../orders?x=1")
    assert server.asked[0].path == "/reports/2021-06-30/reports/..%2F..%2Forders%3Fx%3D1"


@pytest.mark.parametrize(
    ("content_type", "encoding", "charset"),
    [
        ("text/plain; charset=Shift_JIS", "cp932", "shift_jis"),
        ("text/plain;charset=ISO-8859-1", "iso-8859-1", "iso-8859-1"),
        ("text/plain; charset=UTF-8", "utf-8", "utf-8"),
        ("text/plain", "iso-8859-1", "iso-8859-1"),
        ("", "iso-8859-1", "iso-8859-1"),
        ("text/plain; charset=nonsense", "iso-8859-1", "nonsense"),
    ],
)
def test_a_document_is_unpacked_and_read_as_its_header_says(client, server, store, content_type, encoding, charset):
    words = "注文" if encoding == "cp932" else "Käufer"
    _given(server, store)
    store.say(200, gzip.compress(words.encode(encoding)), Content_Type=content_type)
    document = fetch_document(client, "d")
    assert ("".join(document.lines()), document.charset) == (words, charset)
    assert server.asked[0].path == "/reports/2021-06-30/documents/d"


def test_what_the_header_unpacks_is_not_unpacked_twice_and_what_is_not_packed_not_at_all(client, server, store):
    _given(server, store)
    store.say(200, gzip.compress(b"a\tb"), Content_Encoding="gzip")
    assert list(fetch_document(client, "d").lines()) == ["a\tb"]
    _given(server, store, packed=False)
    store.say(200, b"a\tb")
    assert list(fetch_document(client, "d").lines()) == ["a\tb"]


def test_no_token_goes_to_the_documents_address_and_the_address_into_no_error(client, server, store):
    _given(server, store)
    store.say(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
    with pytest.raises(TransportError, match="HTTP 403") as late:
        fetch_document(client, "d")
    assert "x-amz-access-token" not in store.asked[0].headers
    assert "/key" not in str(late.value)


def test_a_document_that_does_not_come_can_be_fetched_again(client, server, store):
    _given(server, store)
    store.slam()
    with pytest.raises(TransportError, match="could not be downloaded"):
        fetch_document(client, "d")


@pytest.mark.parametrize(
    "packed", [b"no gzip", gzip.compress(b"x" * 100)[:-9], b""], ids=["no gzip", "cut off", "nothing"]
)
def test_a_spoilt_document_is_refused(client, server, store, packed):
    _given(server, store)
    store.say(200, packed)
    with pytest.raises(ContractError, match=r"gzip|cut off"):
        list(fetch_document(client, "d").lines())


@pytest.mark.parametrize("charset", ["idna", "undefined"])
def test_a_charset_that_reads_nothing_is_refused_by_name(client, server, store, charset):
    _given(server, store)
    store.say(200, gzip.compress("Käufer\n".encode()), Content_Type=f"text/plain; charset={charset}")
    with pytest.raises(ContractError, match=charset):
        list(fetch_document(client, "d").lines())


def test_a_document_that_unfolds_without_end_is_refused(client, server, store, monkeypatch):
    monkeypatch.setattr(reports, "MOST_CHARACTERS", 1000)
    for document in (b"x\n" * 501, b"x" * 1001):
        _given(server, store)
        store.say(200, gzip.compress(document))
        with pytest.raises(ContractError, match="too long"):
            list(fetch_document(client, "d").lines())


def test_a_line_that_does_not_end_is_refused(client, server, store, monkeypatch):
    monkeypatch.setattr(reports, "LONGEST_LINE", 1000)
    _given(server, store)
    store.say(200, gzip.compress(b"x" * 1001))
    with pytest.raises(ContractError, match="too long"):
        list(fetch_document(client, "d").lines())


@pytest.mark.parametrize("body", [b"<html>", {"reportId": 5}, {}])
def test_an_answer_of_another_shape_names_the_operation(client, server, body):
    server.say(200, body)
    with pytest.raises(ContractError, match=r"getReport: .*"):
        get_report(client, "50001")


def test_an_order_comes_as_amazon_sent_it_and_one_that_is_gone_is_none(client, server):
    server.say(200, b'{"order": {"orderId": "1", "price": 1.10}}')
    assert get_order(client, "1", ["PROCEEDS", "FULFILLMENT"]) == b'{"orderId": "1", "price": 1.10}'
    assert server.asked[0].query == {"includedData": "PROCEEDS,FULFILLMENT"}
    server.say(404, {"errors": [{"code": "ResourceNotFound", "message": "Cannot find resource by the given URI"}]})
    assert get_order(client, "1", []) is None
    server.say(404, {"errors": [{"code": "NoSuchPath", "message": "x"}]})
    with pytest.raises(ContractError):
        get_order(client, "1", [])
    server.say(200, {"orders": []})
    with pytest.raises(ContractError, match="getOrder"):
        get_order(client, "1", [])
