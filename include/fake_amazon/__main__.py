"""The command line: `python -m include.fake_amazon --port 8650 --state-dir DIR`."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path

from include.fake_amazon.journal import JournalError
from include.fake_amazon.order_files import OrderFileError
from include.fake_amazon.server import make_server
from include.fake_amazon.shops import DEMO_SHOPS_FILE, ShopsError, load_shops
from include.fake_amazon.world import World
from include.listening import listen

_WRONG_USE = 2


class UsageError(ValueError):
    """The command line asks for what cannot be; one sentence."""


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m include.fake_amazon",
        description="A stand-in for Amazon on loopback: Login with Amazon, the Selling Partner API, shops with orders.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default %(default)s)")
    parser.add_argument("--port", type=int, default=8650, help="0 takes a free one (default %(default)s)")
    parser.add_argument("--state-dir", type=Path, help="where changes made through the control API are kept")
    parser.add_argument("--rate-scale", type=float, default=1.0, help="factor on the documented request rates")
    parser.add_argument("--seed", type=int, default=1, help="what orders and credentials depend on")
    parser.add_argument("--shops", type=Path, default=DEMO_SHOPS_FILE, help="a TOML file of shops")
    parser.add_argument(
        "--orders",
        action="append",
        default=[],
        metavar="SELLER=FILE.ndjson",
        help="this shop's orders are exactly those of the file, one Order a line; repeatable",
    )
    return parser.parse_args(argv)


def _check_host(host: str) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise UsageError(f"--host {host!r} is no address; use 127.0.0.1.") from error
    if not is_loopback:
        raise UsageError(f"--host {host} can be reached from outside; use 127.0.0.1.")


def _order_files(texts: Sequence[str]) -> dict[str, Path]:
    files = {}
    for text in texts:
        shop_id, equals, path = text.partition("=")
        if not (shop_id and equals and path):
            raise UsageError(f"--orders {text!r} is not of the form SELLER=FILE.ndjson.")
        files[shop_id] = Path(path)
    return files


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 2 when the command line or a file it names cannot be used."""
    arguments = _arguments(argv)
    try:
        _check_host(arguments.host)
        if not 0 < arguments.rate_scale < float("inf"):
            raise UsageError(f"--rate-scale {arguments.rate_scale:g} is not above 0.")
        world = World(
            seed=arguments.seed,
            shops=load_shops(arguments.shops),
            order_files=_order_files(arguments.orders),
            rate_scale=arguments.rate_scale,
            state_dir=arguments.state_dir,
        )
    except (UsageError, ShopsError, OrderFileError, JournalError) as error:
        print(error, file=sys.stderr)
        return _WRONG_USE
    return _serve(world, arguments.host, arguments.port)


def _serve(world: World, host: str, port: int) -> int:
    try:
        listener = listen(host, port)
    except (OSError, OverflowError) as error:
        print(f"Port {port} of {host} cannot be used ({error}); free it, or choose another --port.", file=sys.stderr)
        return _WRONG_USE
    print(f"The fake Amazon answers on http://{host}:{listener.getsockname()[1]}", flush=True)
    try:
        make_server(world).run([listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
        world.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
