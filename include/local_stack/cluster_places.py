"""Where the cluster of docker-compose.yaml stands when it runs on this machine: the whole difference to containers.

Hosts, ports, folders and passwords are others; everything else of a service's environment and command is Compose's.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from include.fake_amazon.client import ApplicationCredentials
from include.local_stack.compose import Service
from include.local_stack.ports import HOST, free_port
from include.local_stack.product_environment import start_page_url
from include.settings import PROJECT_ROOT, StackSettings

# From the environment of whoever starts the cluster, which is no part of it.
INHERITED = ("HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")


@dataclass(frozen=True, slots=True)
class ClusterPlaces:
    """Ports and folders of one cluster.

    Attributes:
        stack: The ports that a laptop's stack has too; its warehouse is the cluster's.
        sellers_file: Who trades, which Compose mounts.
        metadata_port: PostgreSQL with Airflow's own database.
        redis_port: The broker.
        health_port: The scheduler's health.
    """

    stack: StackSettings
    sellers_file: Path
    metadata_port: int = field(default_factory=free_port)
    redis_port: int = field(default_factory=free_port)
    health_port: int = field(default_factory=free_port)

    @property
    def folder(self) -> Path:
        """Everything that the cluster keeps."""
        return self.stack.run_dir

    @property
    def secrets(self) -> Path:
        """Its passwords, one file each."""
        return self.folder / "secrets"

    def replaced(self) -> dict[str, str]:
        """What stands in Compose's words, and what stands for it here."""
        return {
            "@metadata:5432": f"@{HOST}:{self.metadata_port}",
            "@warehouse:5432": f"@{HOST}:{self.stack.warehouse_port}",
            "@redis:6379": f"@{HOST}:{self.redis_port}",
            "http://api-server:8080": f"http://{HOST}:{self.stack.ui_port}",
            "http://localhost:8080": f"http://{HOST}:{self.stack.ui_port}",
            "http://localhost:8974": f"http://{HOST}:{self.health_port}",
            "http://localhost:8092": start_page_url(self.stack),
            "redis-cli ping": f"redis-cli -p {self.redis_port} ping",
            "0.0.0.0": HOST,
            "8092": str(self.stack.start_page_port),
            "/run/secrets": str(self.secrets),
            "/docker/init.sh": str(PROJECT_ROOT / "docker" / "init.sh"),
            "/opt/seller-orders": str(PROJECT_ROOT),
            "/var/lib/seller-orders/raw": str(self.folder / "raw"),
        }

    def added(self, name: str) -> dict[str, str]:
        """What an image, a mount or a network of its own gives a service, and here the environment must."""
        return {
            **{variable: os.environ[variable] for variable in INHERITED if variable in os.environ},
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            # Airflow's processes go by the machine's name, Celery's workers by their own.
            "HOSTNAME": name if name.startswith("worker") else socket.gethostname(),
            # A container's name has no domain.
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
            "SELLERS_FILE": str(self.sellers_file),
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.stack.ui_port),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": HOST,
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.health_port),
        }

    def arguments(self, name: str) -> tuple[str, ...]:
        """What a service must be told where it shares this machine with others, by the name of its process."""
        if name == "redis":
            return ("--bind", HOST, "--port", str(self.redis_port), "--dir", str(self.folder / "redis"))
        return ("--celery-hostname", f"celery@{name}") if name.startswith("worker") else ()

    def variables(self, application: ApplicationCredentials, seller_central_url: str) -> dict[str, str]:
        """What an operator writes into .env: Amazon's addresses, which are the fake one's, and our own."""
        amazon = f"http://{HOST}:{self.stack.fake_amazon_port}"
        return {
            **{f"SPAPI_ENDPOINT_{region}": f"{amazon}/{region.lower()}" for region in ("EU", "NA", "FE")},
            "LWA_TOKEN_URL": f"{amazon}/auth/o2/token",
            "RATE_SCALE": f"{self.stack.rate_scale:g}",
            "SELLER_CENTRAL_URL": seller_central_url,
            "AMAZON_APPLICATION_ID": application.application_id,
            "AMAZON_CLIENT_ID": application.client_id,
            "PUBLIC_BASE_URL": start_page_url(self.stack),
            "MAIL_FROM": "Seller Orders <orders@seller-orders.example>",
            "OPERATOR_CONTACTS": "operators@seller-orders.example",
        }

    def environment(self, name: str, service: Service, shortened: Mapping[str, str]) -> dict[str, str]:
        """Return a service's environment on this machine; `shortened` replaces variables that Compose gives it."""
        given = {variable: self.here(text) for variable, text in service.environment.items()}
        return {**given, **{v: text for v, text in shortened.items() if v in given}, **self.added(name)}

    def command(self, name: str, service: Service) -> list[str]:
        """Return a service's command on this machine, the image's entrypoint in front where it has none of its own."""
        words = [self.here(word) for word in (*service.entrypoint, *service.command)]
        if not service.entrypoint and words[0] != "redis-server":
            words = ["airflow", *words]
        # The same interpreter, whatever else is on PATH.
        words[:1] = {"airflow": [sys.executable, "-m", "airflow"], "python": [sys.executable]}.get(words[0], words[:1])
        return [*words, *self.arguments(name)]

    def here(self, text: str) -> str:
        """Compose's words, with this machine's places in them."""
        return _replaced(text, self.replaced().items())


def _replaced(text: str, table: Iterable[tuple[str, str]]) -> str:
    for theirs, ours in table:
        text = text.replace(theirs, ours)
    return text
