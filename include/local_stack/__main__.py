"""`python -m include.local_stack run [--once]`, `… psql`, `… clean`: what the Makefile's targets call."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from dotenv import load_dotenv

from include.airflow_gateway.gateway import AirflowGateway
from include.errors import SellerOrdersError, SettingsError
from include.fake_amazon.client import FakeAmazonClient
from include.local_stack.airflow_processes import UI_USER
from include.local_stack.backup import back_up, restore
from include.local_stack.connections import connected, create_absent_connections, create_absent_mail_connection
from include.local_stack.dictionary import write_dictionary
from include.local_stack.passwords import Passwords, load_or_make_passwords
from include.local_stack.postgres import PostgresServer, find_binaries
from include.local_stack.product_environment import product_environment
from include.local_stack.progress import Progress
from include.local_stack.report import table, write_summary
from include.local_stack.run_folder import clean
from include.local_stack.runs import paused_sellers, run_sellers
from include.local_stack.stack import ANALYST, FAKE_AMAZON_PATIENCE_S, Stack, running_stack
from include.local_stack.story import play
from include.local_stack.truth import compare_with_truth
from include.local_stack.waiting import wait_until
from include.sellers.registry import MisconfiguredSeller, Seller, load_sellers
from include.settings import PROJECT_ROOT, StackSettings, load_settings, load_stack_settings
from include.warehouse.connection import connect

SERVE_POLL_S = 1.0
EXAMPLE_QUERY = "SELECT seller_id, currency_code, count(*), sum(grand_total_amount) FROM amazon.orders GROUP BY 1, 2;"


def main(arguments: list[str] | None = None) -> int:
    """Run a command; a known problem is one sentence on stderr and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m include.local_stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start everything, run every seller once, serve until Ctrl-C")
    run.add_argument("--once", action="store_true", help="end after the first run of every seller")
    commands.add_parser("psql", help="open the warehouse as the read-only role analyst, or print its address")
    reload = commands.add_parser("reload", help="load a seller's landed pages again, without asking Amazon")
    reload.add_argument("seller", help="the seller's id in sellers.yaml")
    reload.add_argument("--from", dest="from_utc", default="", help="only windows that end at or after this instant")
    authorized = commands.add_parser("authorized", help="note the day on which a seller authorized the application")
    authorized.add_argument("seller", help="the seller's id in sellers.yaml")
    authorized.add_argument("--on", required=True, help="the day, YYYY-MM-DD")
    commands.add_parser("doctor", help="look whether everything is set up; changes nothing")
    offboard = commands.add_parser("offboard", help="let a seller go")
    offboard.add_argument("seller", help="the seller's id")
    offboard.add_argument("--data", required=True, choices=("keep", "delete"), help="what becomes of the orders")
    forget = commands.add_parser("forget", help="delete personal data at once")
    forget.add_argument("seller", help="the seller's id")
    forget.add_argument("--order", default="", help="Amazon's id of one order")
    forget.add_argument("--by", default="", help="who asked")
    story = commands.add_parser("story", help="play a lapsed authorization from end to end, and check each step")
    story.add_argument("--aws", action="store_true", help="pages, mails and tokens at AWS, as moto plays it")
    backup = commands.add_parser("backup", help="write both databases and the raw pages into a new folder")
    backup.add_argument("folder", type=Path, help="where to")
    restore = commands.add_parser("restore", help="replace both databases and the raw pages by a backup's")
    restore.add_argument("folder", type=Path, help="where from")
    commands.add_parser("dictionary", help="write docs/data_dictionary.md from the comments in the migrations")
    commands.add_parser("clean", help="delete the local data, logs and passwords")
    connections = commands.add_parser("connections", help="make absent Connections in an Airflow, for a fake Amazon")
    connections.add_argument("--airflow", required=True, help="address of the api-server; UI_PASSWORD is its login")
    connections.add_argument("--amazon", required=True, help="address of the fake Amazon")
    chosen = parser.parse_args(arguments)
    # What stands in .env counts here as it does for docker compose: below what the environment says.
    load_dotenv(PROJECT_ROOT / ".env")
    # Everything here is on loopback, which no proxy of the person's can reach.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(
        filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1,localhost"])
    )
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    try:
        return _command(chosen, load_stack_settings())
    except SellerOrdersError as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEnded.")
        return 0 if chosen.command == "run" and not chosen.once else 130


def _command(chosen: argparse.Namespace, settings: StackSettings) -> int:
    commands: dict[str, Callable[[], int | None]] = {
        "run": lambda: _run(settings, once=chosen.once),
        "story": lambda: play(settings, aws=chosen.aws),
        "psql": lambda: _psql(settings),
        "reload": lambda: _domain_command(
            settings,
            "include.orders",
            "reload",
            chosen.seller,
            *(("--from", chosen.from_utc) if chosen.from_utc else ()),
        ),
        "authorized": lambda: _domain_command(
            settings, "include.authorization", "authorized", chosen.seller, "--on", chosen.on
        ),
        "doctor": lambda: _domain_command(settings, "include.operations", "doctor"),
        "offboard": lambda: _domain_command(
            settings, "include.operations", "offboard", chosen.seller, "--data", chosen.data
        ),
        "backup": lambda: back_up(settings, chosen.folder),
        "restore": lambda: restore(settings, chosen.folder),
        "forget": lambda: _domain_command(
            settings, "include.operations", "forget", chosen.seller, f"--order={chosen.order}", f"--by={chosen.by}"
        ),
        "dictionary": lambda: write_dictionary(settings),
        "clean": lambda: clean(settings.run_dir),
        "connections": lambda: _connections(chosen.airflow, chosen.amazon, settings.ui_password),
    }
    return commands[chosen.command]() or 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(settings: StackSettings, *, once: bool) -> int:
    progress = Progress()
    # The stack's own scale goes with the stack's own addresses, which the product learns from it.
    product = load_settings({**os.environ, "RATE_SCALE": ""} if settings.fake_amazon else None)
    entries = load_sellers(product.sellers_file)
    sellers = [entry for entry in entries if isinstance(entry, Seller)]
    progress.say("Seller Orders: starting on this machine")
    with running_stack(settings, product, progress) as stack:
        with progress.step("Connections"):
            create_absent_mail_connection(stack.airflow, stack.settings.smtp_port)
            if stack.amazon:
                create_absent_connections(stack.airflow, stack.amazon, sellers)
            ready = connected(stack.airflow, sellers)
            paused = paused_sellers(stack, ready)
            ready = [seller for seller in ready if seller not in paused]
        good = _load_all(stack, ready, progress)
        for entry in entries:
            if isinstance(entry, MisconfiguredSeller):
                progress.say(f"\nNot run: {entry.message}")
            elif entry in paused:
                progress.say(f"\nNot run: {entry.dag_id} is paused in Airflow.")
            elif entry not in ready:
                progress.say(f"\nNot run: Seller {entry.seller_id} has no Connection yet; make it in Airflow's UI.")
        progress.say(f"\nReady after {progress.seconds():.0f} s.")
        if not once:
            _serve(stack, progress)
    return 0 if good else 1


def _load_all(stack: Stack, sellers: Sequence[Seller], progress: Progress) -> bool:
    with progress.step(f"One run of each seller's DAG ({len(sellers)})"):
        outcomes = run_sellers(stack, sellers, progress)
    with connect(stack.loader_dsn) as connection:
        comparisons = {s.seller_id: compare_with_truth(connection, stack.amazon, s.seller_id) for s in sellers}
    progress.say()
    for line in table(outcomes, comparisons):
        progress.say(line)
    summary = stack.settings.run_dir / "summary.json"
    return write_summary(summary, outcomes, comparisons, progress.seconds())


def _serve(stack: Stack, progress: Progress) -> None:
    for line in (
        "",
        f"Airflow   {stack.ui_url}   user {UI_USER}, password {stack.passwords.ui}",
        "Tables    make psql   (in another terminal), or any client:",
        f"          {stack.analyst_dsn}",
        f"          {EXAMPLE_QUERY}",
        f"Sellers   {stack.ui_url}/plugin/seller-orders   (status, button and link of each)",
        f"Mails     {stack.mails_url}   (nothing leaves this machine)",
        *([f"Amazon    {stack.amazon.seller_central_url}   (Seller Central of the fake one)"] if stack.amazon else []),
        f"Logs      {stack.supervisor.logs_dir}",
        "",
        "Ctrl-C ends everything; the data stay for the next `make run`, `make clean` deletes them.",
    ):
        progress.say(line)

    def something_died() -> bool:
        stack.supervisor.check()
        return False

    while not wait_until(something_died, 3600.0, interval_s=SERVE_POLL_S):
        pass


def _connections(airflow_url: str, amazon_url: str, password: str) -> int:
    amazon = FakeAmazonClient(amazon_url)
    amazon.wait_until_ready(FAKE_AMAZON_PATIENCE_S)
    sellers = [entry for entry in load_sellers(load_settings().sellers_file) if isinstance(entry, Seller)]
    create_absent_connections(AirflowGateway(airflow_url, UI_USER, password), amazon, sellers)
    print(f"Connections of {len(sellers)} sellers are in place.")
    return 0


def _server(settings: StackSettings) -> tuple[PostgresServer, Passwords]:
    if not (settings.run_dir / "passwords.json").exists():
        raise SettingsError("There is no warehouse here yet.", remedy="Run `make run` first, and leave it running.")
    passwords = load_or_make_passwords(settings.run_dir)
    binaries = find_binaries(settings.postgres_bin)
    return (
        PostgresServer(settings.run_dir / "postgres", binaries, settings.warehouse_port, passwords.superuser),
        passwords,
    )


def _domain_command(settings: StackSettings, room: str, *arguments: str) -> int:
    """Let a room's own command work on this stack; a warehouse of one's own, and all that is set, comes first."""
    environment = dict(os.environ)
    if not environment.get("WAREHOUSE_DSN"):
        server, passwords = _server(settings)
        amazon = FakeAmazonClient(f"http://127.0.0.1:{settings.fake_amazon_port}") if settings.fake_amazon else None
        if amazon and not amazon.health():
            raise SettingsError(
                "Nothing runs here.", remedy="Say `make run` in another terminal, and leave it running."
            )
        dsn = server.dsn("warehouse", user="loader", password=passwords.loader)
        environment |= product_environment(settings, passwords, load_settings(), amazon, dsn)
    return subprocess.run([sys.executable, "-m", room, *arguments], env=environment, check=False).returncode


def _psql(settings: StackSettings) -> int:
    server, passwords = _server(settings)
    binaries = find_binaries(settings.postgres_bin)
    dsn = server.dsn("warehouse", user=ANALYST, password=passwords.analyst)
    psql = shutil.which("psql") or (str(binaries.psql) if binaries.psql else None)
    if psql is None or not sys.stdin.isatty():
        print(dsn)
        return 0
    # The password travels in the environment, because the command line is open to every user of the machine.
    os.environ["PGPASSWORD"] = passwords.analyst
    os.execv(psql, [psql, server.dsn("warehouse", user=ANALYST)])  # noqa: S606 - psql takes over the terminal
    return None


if __name__ == "__main__":
    sys.exit(main())
