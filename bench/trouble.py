"""`trouble`: a revoked authorization and a dying hourly token: how long until it is known or mended, in how many calls.

python-amazon-sp-api stands beside the product. Everything answers at once here, so the seconds are the clients' own;
the calls are what counts at Amazon.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sp_api.auth.exceptions import AuthorizationError
from sp_api.base.exceptions import SellingApiForbiddenException

from bench.access import SELLER_ID, Access, asked_of_a_peer, open_client, search_query
from bench.figures import Figure
from bench.peers.python_amazon_sp_api_client import Orders, open_orders
from bench.servers import Servers, running_servers
from include.authorization.validate import validate_authorization
from include.errors import ReauthorizationRequiredError
from include.local_stack.progress import Progress
from include.spapi.client import SellingPartnerClient
from include.spapi.operations import SEARCH_ORDERS
from include.warehouse.connection import Connection, connect

PART = "trouble"
ORDERS = 300
REPETITIONS = 3
RATE_SCALE = 1e6
PRODUCT, PEER = "this project", "python-amazon-sp-api"
REVOKED, DYING = "revoked authorization", "dying hourly token"
# After the token died, so often is asked.
TRIES = 3
Spent = tuple[float, int]


def measure(progress: Progress, repetitions: int = REPETITIONS) -> list[Figure]:
    """Bring both into both troubles, several times.

    Raises:
        RuntimeError: The trouble was taken for another, or not noticed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as folder,
        running_servers(Path(folder), ORDERS, RATE_SCALE) as servers,
        connect(servers.access.warehouse_dsn) as connection,
    ):
        revoked = {name: [once(servers, connection) for _ in range(repetitions)] for name, once in KNOWN.items()}
        progress.say(f"  {REVOKED}: {revoked}")
        mended = [_product_goes_on(servers, connection) for _ in range(repetitions)]
        lost = [_peer_goes_on(servers) for _ in range(repetitions)]
        progress.say(f"  {DYING}: {mended}, {lost}")
    figures = []
    for name, spent in revoked.items():
        figures.append(Figure(PART, f"{REVOKED}, {name}, known as such, wall", "s", [seconds for seconds, _ in spent]))
        figures.append(Figure(PART, f"{REVOKED}, {name}, calls until then", "", [calls for _, calls in spent]))
    return [
        *figures,
        Figure(PART, f"{DYING}, {PRODUCT}, next orders, wall", "s", [seconds for seconds, _ in mended]),
        Figure(PART, f"{DYING}, {PRODUCT}, calls until then", "", [calls for _, calls in mended]),
        Figure(PART, f"{DYING}, {PEER}, searches answered of {TRIES} afterwards", "", lost),
    ]


def _product_is_revoked(servers: Servers, connection: Connection) -> Spent:
    access = _authorized(servers)
    client, seller = _product(access, servers, connection), access.seller()
    servers.amazon.revoke(SELLER_ID)
    return _timed(servers, lambda: validate_authorization(seller, client), ReauthorizationRequiredError)


def _peer_is_revoked(servers: Servers, _connection: Connection) -> Spent:
    access = _authorized(servers)
    servers.amazon.revoke(SELLER_ID)
    with open_orders(asked_of_a_peer(access)) as client:
        return _timed(servers, lambda: _search(client, access), AuthorizationError)


KNOWN: dict[str, Callable[[Servers, Connection], Spent]] = {PRODUCT: _product_is_revoked, PEER: _peer_is_revoked}


def _product_goes_on(servers: Servers, connection: Connection) -> Spent:
    access = _authorized(servers)
    client, query = _product(access, servers, connection), search_query(access)
    client.get(SEARCH_ORDERS, query)
    servers.amazon.expire_access_tokens(SELLER_ID)
    return _timed(servers, lambda: client.get(SEARCH_ORDERS, query))


def _peer_goes_on(servers: Servers) -> int:
    access, answered = _authorized(servers), 0
    with open_orders(asked_of_a_peer(access)) as client:
        _search(client, access)
        servers.amazon.expire_access_tokens(SELLER_ID)
        for _ in range(TRIES):
            try:
                _search(client, access)
                answered += 1
            except SellingApiForbiddenException:
                continue
    return answered


def _authorized(servers: Servers) -> Access:
    servers.empty()
    # A consent anew, so that no client's cache knows the token.
    servers.amazon.revoke(SELLER_ID)
    return replace(servers.access, refresh_token=servers.amazon.authorize(SELLER_ID).refresh_token)


def _product(access: Access, servers: Servers, connection: Connection) -> SellingPartnerClient:
    return open_client(access, access.settings(f"file://{servers.folder / 'raw'}"), connection)


def _search(client: Orders, access: Access) -> object:
    return client.search_orders(**search_query(access))


def _timed(servers: Servers, work: Callable[[], object], expected: type[Exception] | None = None) -> Spent:
    """Seconds and calls of work that ends with an error of exactly this class, or without any."""
    servers.amazon.reset_calls()
    begun_s = time.perf_counter()
    found: type[Exception] | None = None
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whichever it is, it is compared
        found = type(error)
    took_s = time.perf_counter() - begun_s
    if found is not expected:
        raise RuntimeError(f"The trouble ended as {found} instead of {expected}.")
    return took_s, sum(servers.amazon.calls().values())
