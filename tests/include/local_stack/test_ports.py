"""Ports on loopback, taken and given back by real sockets."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable

import psutil
import pytest

from include.errors import SettingsError
from include.local_stack import ports
from include.local_stack.ports import free_port, require_free_port

LISTEN_ELSEWHERE = """
import socket, sys, time
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
time.sleep(600)
"""


def test_a_free_port_passes_again_and_again() -> None:
    port = free_port()
    require_free_port("the fake Amazon", port, "FAKE_PORT")
    require_free_port("the fake Amazon", port, "FAKE_PORT")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"], ids=["on loopback", "on every address"])
def test_a_busy_port_is_told_with_program_number_and_the_setting_that_moves_it(
    host: str, spawn: Callable[..., subprocess.Popen[str]]
) -> None:
    port = free_port()
    holder = spawn(LISTEN_ELSEWHERE, host, str(port))
    program = psutil.Process(holder.pid).name()
    with pytest.raises(SettingsError) as refusal:
        require_free_port("Airflow's UI", port, "UI_PORT")
    assert str(refusal.value) == (
        f"Port {port} (Airflow's UI) is in use by {program} (pid {holder.pid}); "
        "stop it, or choose another with UI_PORT=…"
    )


def test_a_listener_that_shares_its_address_is_seen_too() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(SettingsError, match=rf"\(pid {os.getpid()}\)"):
            require_free_port("Airflow's UI", listener.getsockname()[1], "UI_PORT")


def test_a_listener_that_binding_looks_past_as_on_macos_is_met_by_knocking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_can_listen", lambda _: True)
    with (
        socket.create_server(("0.0.0.0", 0)) as listener,
        pytest.raises(SettingsError, match=rf"\(pid {os.getpid()}\)"),
    ):
        require_free_port("Airflow's UI", listener.getsockname()[1], "UI_PORT")


def test_a_holder_that_we_may_not_see_is_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> list[object]:
        raise psutil.AccessDenied(msg=kind)

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(SettingsError, match="in use by another program; stop it"),
    ):
        require_free_port("Airflow's UI", listener.getsockname()[1], "UI_PORT")


def test_connections_that_are_closing_do_not_keep_a_port_busy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        # Whoever closes first keeps the port in TIME_WAIT; here that is the server's side.
        accepted.close()
        client.close()
    states = {c.status for c in psutil.net_connections(kind="tcp") if c.laddr and c.laddr.port == port}
    assert states == {psutil.CONN_TIME_WAIT}
    require_free_port("Airflow's UI", port, "UI_PORT")


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_number_that_is_no_port_is_refused_by_its_setting(port: int) -> None:
    with pytest.raises(SettingsError, match=f"UI_PORT is {port}; expected a port"):
        require_free_port("Airflow's UI", port, "UI_PORT")


def test_a_port_that_is_not_ours_to_open_is_told_apart_from_a_busy_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(SettingsError, match="may not be opened by this user; choose one above 1023 with UI_PORT="):
        require_free_port("Airflow's UI", 80, "UI_PORT")
