"""A sense of scale: python-amazon-sp-api only reading the orders, `python -m bench.anchor_worker < access.json`.

It keeps nothing and loads nothing. What it spent goes to stdout as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

from sp_api.api.orders.orders_2026_01_01 import OrdersV20260101
from sp_api.auth import AccessTokenClient
from sp_api.base.credential_provider import FromCodeCredentialProvider
from sp_api.util import load_all_pages

from bench.access import Access, search_query
from bench.machine import peak_memory_mib


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


def main() -> None:
    """Read everything, then say what it cost."""
    access = Access(**json.load(sys.stdin))
    with open_orders(access) as client:
        orders = sum(len(page.orders) for page in client.every_page(**search_query(access)))
    spent = {"orders": orders, "process_cpu_s": time.process_time(), "peak_mib": peak_memory_mib()}
    sys.stdout.write(json.dumps(spent) + "\n")


def open_orders(access: Access) -> Orders:
    """Open the peer's client, pointed at the access's Amazon."""

    class Tokens(AccessTokenClient):
        scheme, host = "http://", urlsplit(access.amazon_url).netloc

    marketplace = SimpleNamespace(
        endpoint=f"{access.amazon_url}/eu", marketplace_id="A1PA6795UKMFR9", region="eu-west-1"
    )
    return Orders(
        marketplace,
        refresh_token=access.refresh_token,
        credentials={"lwa_app_id": access.client_id, "lwa_client_secret": access.client_secret},
        credential_providers=[FromCodeCredentialProvider],
        auth_token_client_class=Tokens,
        version="2026-01-01",
    )


if __name__ == "__main__":
    main()
