"""python-amazon-sp-api, orders as JSON gives them; pointed at an Amazon on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from sp_api.api.orders.orders_2026_01_01 import OrdersV20260101
from sp_api.auth import AccessTokenClient
from sp_api.base.credential_provider import FromCodeCredentialProvider
from sp_api.util import load_all_pages, throttle_retry


class Orders(OrdersV20260101):
    """At an address on loopback; the package takes every address for https://."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers, with the real host."""
        return super().headers | {"host": urlsplit(self.endpoint).netloc}

    # The other way round, as the package's examples have it, nothing is tried again: a generator fails later.
    @load_all_pages(next_token_param="paginationToken")  # noqa: S106 - a parameter's name
    @throttle_retry()
    def every_page(self, **query: object) -> object:
        """One page; the decorators ask for the others, and again after a refusal."""
        return self.search_orders(**query)


def open_search(asked: dict[str, Any]) -> Callable[[str | None], tuple[int, str | None]]:
    """See `peer.py`."""
    client = _open(asked)

    def search(token: str | None) -> tuple[int, str | None]:
        page = client.search_orders(**asked["query"], **({"paginationToken": token} if token else {}))
        return len(page.orders), page.next_token

    return search


def pages(asked: dict[str, Any]) -> Iterator[int]:
    """Every page, waited for by the package's own two decorators with their defaults."""
    for page in _open(asked).every_page(**asked["query"]):
        yield len(page.orders)


def _open(asked: dict[str, Any]) -> Orders:
    lwa = urlsplit(asked["lwa_url"])

    class Tokens(AccessTokenClient):
        scheme, host = f"{lwa.scheme}://", lwa.netloc

    marketplace = SimpleNamespace(
        endpoint=asked["endpoint"], marketplace_id=asked["query"]["marketplaceIds"], region="eu-west-1"
    )
    return Orders(
        marketplace,
        refresh_token=asked["refresh_token"],
        credentials={"lwa_app_id": asked["client_id"], "lwa_client_secret": asked["client_secret"]},
        credential_providers=[FromCodeCredentialProvider],
        auth_token_client_class=Tokens,
        version="2026-01-01",
    )
