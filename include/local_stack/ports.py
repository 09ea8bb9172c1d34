"""TCP ports on loopback: is one free, who holds it, give me any.

It refuses to know what is served on them.
"""

from __future__ import annotations

import dataclasses
import random
import socket
from pathlib import Path
from typing import Any

import psutil

from include.errors import SettingsError
from include.settings import StackSettings

HOST = "127.0.0.1"
# A listener on one of these would get, or would keep us from getting, what is sent to 127.0.0.1.
CONFLICTING_HOSTS = frozenset({HOST, "0.0.0.0", "::", f"::ffff:{HOST}"})
PROBE_TIMEOUT_S = 1.0
QUIET_PORTS = (20_000, 30_000)


def require_free_port(name: str, port: int, variable: str) -> None:
    """Check that a server may listen on the port of 127.0.0.1 now; connections that are closing do not count.

    Args:
        name: What wants the port, in the words of the person who starts it ("Airflow's UI").
        port: 1 to 65535.
        variable: The setting that chooses another port ("UI_PORT").

    Raises:
        SettingsError: Somebody listens there (program and pid, where we may see them), or it is no usable port.
    """
    if not 1 <= port <= 65535:
        raise SettingsError(f"{variable} is {port}; expected a port from 1 to 65535.")
    try:
        taken = not _can_listen(port) or _somebody_answers(port)
    except PermissionError:
        raise SettingsError(
            f"Port {port} ({name}) may not be opened by this user; choose one above 1023 with {variable}=…"
        ) from None
    if taken:
        raise SettingsError(
            f"Port {port} ({name}) is in use by {_holder(port)}; stop it, or choose another with {variable}=…"
        )


def on_free_ports(run_dir: Path, **fields: Any) -> StackSettings:
    """Settings of a stack in this folder, each of its ports one that was free a moment ago."""
    ports: dict[str, Any] = {
        part.name: free_port() for part in dataclasses.fields(StackSettings) if part.name.endswith("_port")
    }
    return StackSettings(run_dir=run_dir, **ports, **fields)


def free_port() -> int:
    """A port that was free a moment ago, below those that the system hands out by itself, so that it stays free."""
    while True:
        port = random.randrange(*QUIET_PORTS)  # noqa: S311 - nothing secret about it
        if _can_listen(port):
            return port


def _can_listen(port: int) -> bool:
    with socket.socket() as probe:
        # Looks past closing connections, as servers do. Where it also looks past a listener on every address (BSD,
        # macOS), the connection attempt finds that one.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except PermissionError:
            raise
        except OSError:
            return False
    return True


def _somebody_answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        if probe.connect_ex((HOST, port)) != 0:
            return False
        # The kernel may hand the probe the very port it knocks at; then it has met itself.
        return bool(probe.getsockname() != probe.getpeername())


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            address = connection.laddr
            if address and address.port == port and address.ip in CONFLICTING_HOSTS and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return "another program"
