"""A `make run` of a test's own: every process real, in a folder and on ports of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from include.airflow_gateway.gateway import AirflowGateway
from include.fake_amazon.client import FakeAmazonClient
from include.local_stack.ports import free_port
from include.local_stack.sessions import RUN_MARK
from include.settings import PROJECT_ROOT

PATIENCE_S = 300.0
PORTS = ("UI_PORT", "WAREHOUSE_PORT", "FAKE_AMAZON_PORT", "START_PAGE_PORT", "SMTP_PORT", "MAILS_PORT")


@dataclass
class Machine:
    """A run folder, ports, and a sellers.yaml of its own."""

    root: Path
    folder: Path
    environment: dict[str, str]
    sessions: set[int] = field(default_factory=set)

    @property
    def run_dir(self) -> Path:
        return self.folder / "run folder"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "include.local_stack", *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run_once(self) -> tuple[int, str]:
        with self.start("run", "--once") as process:
            output, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, output

    def summary(self) -> dict[str, dict]:
        sellers = json.loads((self.run_dir / "summary.json").read_text())["sellers"]
        return {seller["seller_id"]: seller for seller in sellers}

    def passwords(self) -> dict[str, str]:
        return json.loads((self.run_dir / "passwords.json").read_text())

    def analyst_dsn(self) -> str:
        return f"postgresql://analyst:{self.passwords()['analyst']}@127.0.0.1:{self.environment['WAREHOUSE_PORT']}/warehouse"

    def loader_dsn(self) -> str:
        return self.analyst_dsn().replace(
            f"analyst:{self.passwords()['analyst']}", f"loader:{self.passwords()['loader']}"
        )

    def gateway(self) -> AirflowGateway:
        return AirflowGateway(self.ui_url, "admin", self.passwords()["ui"])

    @property
    def ui_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['UI_PORT']}"

    @property
    def amazon(self) -> FakeAmazonClient:
        return FakeAmazonClient(f"http://127.0.0.1:{self.environment['FAKE_AMAZON_PORT']}")

    def processes(self) -> list[psutil.Process]:
        """Everything that works on this run folder or was started by it."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        record = self.run_dir / "processes.json"
        if record.exists():
            self.sessions |= {child["pid"] for child in json.loads(record.read_text())}
        try:
            environment = process.environ()
            marks = (environment.get(RUN_MARK), environment.get("RUN_DIR"))
            ours = str(self.run_dir) in marks or str(self.run_dir) in " ".join(process.cmdline())
            # Airflow's processes rewrite their titles, which takes their environment with it; their session stays.
            return ours or os.getsid(process.pid) in self.sessions
        except (psutil.Error, OSError):
            return False

    def kill_everything(self) -> None:
        for process in self.processes():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue


def machine_in(folder: Path, sellers_file: Path) -> Machine:
    """Make one; nothing is started yet."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {"RUN_DIR": str(folder / "run folder"), "SELLERS_FILE": str(sellers_file)}
    environment |= {name: str(free_port()) for name in PORTS}
    return Machine(PROJECT_ROOT, folder, environment)


def read_until_it_serves(process: subprocess.Popen[str]) -> str:
    """Return what it printed until it was ready."""
    said: list[str] = []
    for line in process.stdout or ():
        said.append(line)
        if "Ctrl-C ends everything" in line:
            return "".join(said)
    raise AssertionError("".join(said))
