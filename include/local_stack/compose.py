"""What docker-compose.yaml says, read by Compose's own parser: commands, environments and health checks of services.

It refuses to know what the services are for.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from include.errors import SettingsError
from include.settings import PROJECT_ROOT

COMPOSE_FILE = PROJECT_ROOT / "docker-compose.yaml"


@dataclass(frozen=True, slots=True)
class Service:
    """A service, every variable filled in.

    Attributes:
        entrypoint: What replaces the image's own entrypoint, () where nothing does.
        command: Its arguments.
        environment: What its processes get beside the image's own variables.
        health: What looks whether it is well: `CMD` and words, or `CMD-SHELL` and a line; () where nothing does.
        replicas: How many containers of it there are.
    """

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health: tuple[str, ...]
    replicas: int


def read_services(env_file: Path, variables: Mapping[str, str], *, profile: str) -> dict[str, Service]:
    """Read the services of a profile.

    Args:
        env_file: As `make env` writes it.
        variables: What counts more than the file.
        profile: The profile whose services are wanted.

    Raises:
        SettingsError: There is no docker-compose, or it does not like the file.
    """
    program = shutil.which("docker-compose")
    if program is None:
        raise SettingsError(
            "There is no docker-compose here.", remedy="Install it (Debian: apt install docker-compose)."
        )
    command: Sequence[str] = [program, "--project-directory", str(PROJECT_ROOT), "--env-file", str(env_file)]
    command = [*command, "--file", str(COMPOSE_FILE), "config"]
    environment = {"PATH": "/usr/bin:/bin", "COMPOSE_PROFILES": profile, **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SettingsError(f"docker-compose refuses docker-compose.yaml: {done.stderr.strip()[-300:]}")
    services: dict[str, Any] = yaml.safe_load(_unescaped(done.stdout))["services"]
    return {name: _service(facts) for name, facts in services.items() if profile in facts.get("profiles", ())}


def _unescaped(text: str) -> str:
    # What it writes is a Compose file again, in which a dollar is two.
    return text.replace("$$", "$")


def _service(facts: Mapping[str, Any]) -> Service:
    return Service(
        entrypoint=tuple(facts.get("entrypoint") or ()),
        command=tuple(str(word) for word in facts.get("command") or ()),
        environment={name: str(value) for name, value in (facts.get("environment") or {}).items() if value is not None},
        health=tuple((facts.get("healthcheck") or {}).get("test") or ()),
        replicas=int((facts.get("deploy") or {}).get("replicas") or 1),
    )
