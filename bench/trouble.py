"""`trouble`: a revoked authorization, a dying hourly token: how long until that is known or mended, in how many calls.

Everything answers at once here, so the seconds are the clients' own and what they choose to wait; waits are shortened
and counted whole. PyAirbyte's connector is run as PyAirbyte runs it, its start included, against the bench's v0; its
own brake is off.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench.access import SELLER_ID, Access, asked_of_a_peer, open_client, search_query
from bench.airbyte import CONNECTOR, airbyte_config
from bench.figures import Figure
from bench.peer_clients import CLIENTS, Peer
from bench.peer_environments import LONGEST_S, PEERS, python_of, said_by
from bench.programs import line_of, running, tell
from bench.servers import Servers, running_servers
from bench.v0_amazon import V0Amazon, serving_v0
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
SHORTENED = 20.0
PRODUCT, AIRBYTE = "this project", "PyAirbyte's connector"
REVOKED, DYING = "revoked authorization", "dying hourly token"
# What Login with Amazon calls the one error that the seller has to mend.
CAUSE = "invalid_grant"
ORDERS_STREAM = {
    "stream": {"name": "Orders", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
    "sync_mode": "incremental",
    "destination_sync_mode": "append",
}


class Outcome(NamedTuple):
    """How a trouble went: seconds, calls, and whether it ended well: the cause named, or orders again."""

    took_s: float
    calls: int
    is_right: bool


def measure(progress: Progress, repetitions: int = REPETITIONS) -> list[Figure]:
    """Bring all of them into both troubles, several times.

    Raises:
        RuntimeError: The product took the trouble for another.
    """
    for name in (*(peer.name for peer in CLIENTS), CONNECTOR):
        python_of(progress, name)
    figures: list[Figure] = []
    with (
        tempfile.TemporaryDirectory(prefix="seller-orders-bench-") as folder,
        running_servers(Path(folder), ORDERS, RATE_SCALE) as servers,
        serving_v0(servers.orders_file) as v0,
        connect(servers.access.warehouse_dsn) as connection,
    ):
        revoked: dict[str, Callable[[], Outcome]] = {PRODUCT: lambda: product_is_revoked(servers, connection)}
        dying: dict[str, Callable[[], Outcome]] = {PRODUCT: lambda: product_goes_on(servers, connection)}
        for peer in CLIENTS:
            revoked[peer.name] = lambda peer=peer: _peer_is_revoked(progress, servers, peer)  # type: ignore[misc]
            dying[peer.name] = lambda peer=peer: _peer_goes_on(progress, servers, peer)  # type: ignore[misc]
        revoked[AIRBYTE] = lambda: _connector(progress, servers, v0, dies_after=None)
        dying[AIRBYTE] = lambda: _connector(progress, servers, v0, dies_after=1)
        for trouble, right, ways in ((REVOKED, "cause named", revoked), (DYING, "orders again", dying)):
            for name, once in ways.items():
                found = [once() for _ in range(repetitions)]
                progress.say(f"  {trouble}, {name}: {found[0]}")
                figures += _figures(f"{trouble}, {name}", right, found)
    return figures


def _figures(name: str, right: str, found: Sequence[Outcome]) -> list[Figure]:
    return [
        Figure(PART, f"{name}, until the answer or the error", "s", [one.took_s for one in found]),
        Figure(PART, f"{name}, calls until then", "", [one.calls for one in found]),
        Figure(PART, f"{name}, {right} (1: yes)", "", [int(one.is_right) for one in found]),
    ]


def product_is_revoked(servers: Servers, connection: Connection) -> Outcome:
    """The product asks where the authorization was revoked."""
    access = _authorized(servers)
    seller = access.seller()
    servers.amazon.revoke(SELLER_ID)

    def ask() -> None:
        # Opened inside, as the peers are.
        validate_authorization(seller, _product(access, servers, connection))

    return _timed(servers, ask, ReauthorizationRequiredError)


def product_goes_on(servers: Servers, connection: Connection) -> Outcome:
    """The product asks on when its hourly token has died."""
    access = _authorized(servers)
    client, query = _product(access, servers, connection), search_query(access)
    client.get(SEARCH_ORDERS, query)
    servers.amazon.expire_access_tokens(SELLER_ID)
    return _timed(servers, lambda: client.get(SEARCH_ORDERS, query))


def _peer_is_revoked(progress: Progress, servers: Servers, peer: Peer) -> Outcome:
    asked = asked_of_a_peer(_authorized(servers)) | peer.asked | {"shortened": SHORTENED}
    servers.amazon.revoke(SELLER_ID)
    servers.amazon.reset_calls()
    said = said_by(python_of(progress, peer.name), "peer.py", asked, peer.module, "ask")
    return Outcome(_whole_s(said["real_s"], said["waits_s"]), _calls(servers), CAUSE in said["error"])


def _peer_goes_on(progress: Progress, servers: Servers, peer: Peer) -> Outcome:
    asked = asked_of_a_peer(_authorized(servers)) | peer.asked | {"shortened": SHORTENED}
    command = [str(python_of(progress, peer.name)), str(PEERS / "peer.py"), peer.module, "go_on"]
    with running(command) as program:
        tell(program, json.dumps(asked))
        if line_of(program, LONGEST_S) != "asked\n":
            raise RuntimeError(f"{peer.label} could not even ask.")
        servers.amazon.expire_access_tokens(SELLER_ID)
        servers.amazon.reset_calls()
        said = json.loads(program.communicate("\n", timeout=LONGEST_S)[0])
    return Outcome(_whole_s(said["real_s"], said["waits_s"]), _calls(servers), said["answered"] > 0)


def _connector(progress: Progress, servers: Servers, v0: V0Amazon, *, dies_after: int | None) -> Outcome:
    v0.forget_calls()
    v0.is_revoked, v0.dies_after = dies_after is None, dies_after
    with tempfile.TemporaryDirectory(prefix="airbyte-") as name:
        folder = Path(name)
        (folder / "config").write_text(json.dumps(airbyte_config(servers.access.first_day)))
        (folder / "catalog").write_text(json.dumps({"streams": [ORDERS_STREAM]}))
        waits = {"SHORTENED": f"{SHORTENED:g}", "WAITS_FILE": str(folder / "waits")}
        command = [str(python_of(progress, CONNECTOR)), str(PEERS / "airbyte_connector.py"), "read"]
        begun_s = time.monotonic()
        done = subprocess.run(
            [*command, "--config", str(folder / "config"), "--catalog", str(folder / "catalog")],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LONGEST_S,
            env={**os.environ, **waits, "AMAZON_URL": v0.base_url, "NO_BUDGET": "1"},
        )
        took_s = _whole_s(time.monotonic() - begun_s, float((folder / "waits").read_text()))
    v0.is_revoked, v0.dies_after = False, None
    is_right = CAUSE in done.stdout if dies_after is None else done.returncode == 0
    return Outcome(took_s, v0.calls.total(), is_right)


def _whole_s(real_s: float, waits_s: float) -> float:
    """As long as it takes with waits that nobody shortened."""
    return real_s - waits_s / SHORTENED + waits_s


def _authorized(servers: Servers) -> Access:
    servers.empty()
    # A consent anew, so that no client's cache knows the token.
    servers.amazon.revoke(SELLER_ID)
    return replace(servers.access, refresh_token=servers.amazon.authorize(SELLER_ID).refresh_token)


def _product(access: Access, servers: Servers, connection: Connection) -> SellingPartnerClient:
    return open_client(access, access.settings(f"file://{servers.folder / 'raw'}"), connection)


def _calls(servers: Servers) -> int:
    return sum(servers.amazon.calls().values())


def _timed(servers: Servers, work: Callable[[], object], expected: type[Exception] | None = None) -> Outcome:
    """What work costs that ends with an error of exactly this class, or without any."""
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
    return Outcome(took_s, _calls(servers), is_right=True)
