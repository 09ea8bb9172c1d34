"""`make story` as a person meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from include.local_stack.ports import free_port

PATIENCE_S = 420
PORTS = ("UI_PORT", "WAREHOUSE_PORT", "FAKE_AMAZON_PORT", "START_PAGE_PORT", "SMTP_PORT", "MAILS_PORT", "AWS_PORT")


@dataclass(frozen=True)
class Told:
    """A story that came to its end."""

    exit_code: int
    output: str
    folder: Path

    @property
    def figures(self) -> dict[str, object]:
        return json.loads((self.folder / "story.json").read_text())


def tell(root: Path, folder: Path, *arguments: str) -> Told:
    """Play the story in a folder, on ports of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {"RUN_DIR": str(folder)} | {name: str(free_port()) for name in PORTS}
    command = [sys.executable, "-m", "include.local_stack", "story", *arguments]
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            # It ends its children by itself.
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
    return Told(process.returncode, output, folder)
