"""The server for tests: quick to start, clean to stop; and the application without any server."""

from __future__ import annotations

import socket
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from include.fake_amazon.app import create_app
from include.fake_amazon.client import FakeAmazonError
from include.fake_amazon.server import serve_in_thread
from include.fake_amazon.shops import load_shops
from include.fake_amazon.world import World
from tests.payloads.event_loops import run_in_a_loop


def test_a_server_starts_in_less_than_three_tenths_of_a_second():
    started = time.perf_counter()
    with serve_in_thread() as fake:
        assert fake.client.health()
        assert time.perf_counter() - started < 0.3


def test_a_server_leaves_no_thread_and_no_open_port_behind():
    before = set(threading.enumerate())
    with serve_in_thread() as fake:
        address = urlsplit(fake.base_url)
    # Fewer is no trouble: a thread of an earlier test may end meanwhile.
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=1)
    assert not fake.client.health()


def test_two_servers_run_side_by_side():
    with serve_in_thread(seed=1) as one, serve_in_thread(seed=2) as other:
        assert one.client.application() != other.client.application()
        assert one.base_url != other.base_url


async def _status(app, path):
    """Ask an ASGI application without a server in between."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "root_path": ""}
    await app(scope, receive, send)
    return sent[0]["status"]


def test_the_application_answers_without_a_server():
    app = create_app(World(shops=[]))
    assert [run_in_a_loop(_status(app, path)) for path in ("/health", "/eu/anything", "/anything")] == [200, 403, 404]


def test_the_demonstration_has_six_shops_in_three_regions_and_none_is_authorized_yet():
    with serve_in_thread() as fake:
        shops = {shop["shop_id"]: shop for shop in fake.client.shops()}
    assert {shop["region"] for shop in shops.values()} == {"eu", "na", "fe"}
    assert len(shops) == len(load_shops()) == 6
    assert shops["grossmarkt_technik"]["launch_orders"] == 5000
    assert not any(shop["authorized"] for shop in shops.values())


def test_an_unexpected_question_to_the_control_api_is_a_sentence_too():
    with serve_in_thread() as fake, pytest.raises(FakeAmazonError, match="404"):
        fake.client.ask("GET", "/control/unknown")


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Host": "evil.example"}, {"Host": "evil.example:8091"}],
    ids=["a page of another site", "a name that was made to point here", "with a port"],
)
def test_a_web_page_in_a_persons_browser_is_refused_everywhere(headers: dict[str, str]):
    with serve_in_thread() as fake:
        for path in ("/control/application", "/control/shops/first_steps/revoke", "/health"):
            asked = urllib.request.Request(fake.base_url + path, headers=headers, method="POST", data=b"{}")
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(asked)
            assert refused.value.code == 403
