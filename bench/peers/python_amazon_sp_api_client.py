"""python-amazon-sp-api pointed at an Amazon on loopback; the reader's, and in the project's environment `trouble`'s."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from sp_api.api.orders.orders_2026_01_01 import OrdersV20260101
from sp_api.auth import AccessTokenClient
from sp_api.base.credential_provider import FromCodeCredentialProvider
from sp_api.util import load_all_pages


class Orders(OrdersV20260101):
    """Every page of a search, at an address on loopback; the package takes every address for https://."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers, with the real host."""
        return super().headers | {"host": urlsplit(self.endpoint).netloc}

    @load_all_pages(throttle_by_seconds=0, next_token_param="paginationToken")  # noqa: S106 - a parameter's name
    def every_page(self, **query: object) -> object:
        """One page; the decorator asks for the others."""
        return self.search_orders(**query)


def open_orders(asked: Mapping[str, Any]) -> Orders:
    """Open the client; `asked` is what every reader is told."""

    class Tokens(AccessTokenClient):
        scheme, host = "http://", urlsplit(asked["amazon_url"]).netloc

    marketplace = SimpleNamespace(
        endpoint=f"{asked['amazon_url']}/eu", marketplace_id="A1PA6795UKMFR9", region="eu-west-1"
    )
    return Orders(
        marketplace,
        refresh_token=asked["refresh_token"],
        credentials={"lwa_app_id": asked["client_id"], "lwa_client_secret": asked["client_secret"]},
        credential_providers=[FromCodeCredentialProvider],
        auth_token_client_class=Tokens,
        version="2026-01-01",
    )
