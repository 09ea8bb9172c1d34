"""Each peer's own virtual environment, made from its hashed list once and kept under .run for the next measurement."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.programs import running
from include.local_stack.progress import Progress
from include.settings import PROJECT_ROOT

PEERS = Path(__file__).with_name("peers")
ENVIRONMENTS = PROJECT_ROOT / ".run" / "bench-peers"
# A client that neither ends nor fails is no measurement.
LONGEST_S = 900.0


def python_of(progress: Progress, peer: str) -> Path:
    """Return the Python in the environment of `peers/<peer>.txt`, made where there is none or the list has changed."""
    wanted = PEERS / f"{peer}.txt"
    folder = ENVIRONMENTS / f"{peer}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    whole = folder / "whole"
    if not whole.exists():
        progress.say(f"  installing {peer}")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        # The list is whole, and what a package wants with an extra some versions of pip take for another package.
        whole_list = ["--no-deps", "--require-hashes", "-r", str(wanted)]
        subprocess.run([*pip, *whole_list], check=True, stdout=sys.stderr)
        whole.touch()
    return folder / "bin" / "python"


def said_by(
    python: Path, script: str, asked: Mapping[str, Any], *arguments: str, env: Mapping[str, str] | None = None
) -> Any:
    """Run a peer's script, tell it on standard input what to do, and return what its last line says.

    Raises:
        CalledProcessError: It failed; what it said stands on stderr.
    """
    command = [str(python), str(PEERS / script), *arguments]
    with running(command, env=env) as peer:
        said, _ = peer.communicate(json.dumps(asked), timeout=LONGEST_S)
    if peer.returncode:
        raise subprocess.CalledProcessError(peer.returncode, command)
    return json.loads(said.splitlines()[-1])
