"""What a consent needs beside the warehouse, put together from the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from include.airflow_gateway.gateway import AirflowGateway
from include.airflow_gateway.token_store import AirflowTokens, SecretsManagerTokens, TokenStore
from include.authorization.credentials import ApplicationCredentials
from include.clock import Now, utc_now
from include.sellers.registry import Seller, load_sellers
from include.settings import ConsentSettings, NotificationSettings, Settings


class Airflow(Protocol):
    """What is asked of Airflow itself."""

    def dag_ids(self, tag: str, *, paused: bool | None = None) -> set[str]:
        """Return the ids of the DAGs that carry a tag; by `paused` only those that are, or are not."""

    def connection(self, connection_id: str) -> dict[str, Any] | None:
        """Return a Connection with its secrets masked, None where there is none."""

    def connection_ids(self, beginning: str) -> set[str]:
        """Return the ids of the Connections in Airflow's own store that begin like this."""

    def health(self) -> dict[str, str]:
        """Return the state of each Airflow process that reports one, `healthy` or another word."""

    def import_errors(self) -> list[str]:
        """Return the text of each DAG file that could not be read."""

    def active_runs(self, dag_id: str) -> list[str]:
        """Return the ids of a DAG's runs that wait or work; none where there is no such DAG."""

    def pause(self, dag_id: str) -> None:
        """Pause a DAG; none is fine."""

    def end_run(self, dag_id: str, run_id: str) -> None:
        """Let a run fail."""

    def is_paused(self, dag_id: str) -> bool | None:
        """Tell whether a DAG is paused, None where there is none."""

    def start_run(self, dag_id: str, run_id: str, note: str = "") -> bool:
        """Start a run, false where it exists already."""


@dataclass(frozen=True, slots=True)
class Means:
    """Settings, doors and the time.

    Attributes:
        settings: Of the product.
        notifications: Whom to tell.
        consent: Our application.
        tokens: Where refresh tokens are stored.
        airflow: Runs and what is paused.
        sellers: Returns every usable entry; an edit of the file counts at once.
        now: Tells the time.
    """

    settings: Settings
    notifications: NotificationSettings
    consent: ConsentSettings
    tokens: TokenStore
    airflow: Airflow
    sellers: Callable[[], Mapping[str, Seller]]
    now: Now

    @property
    def application(self) -> ApplicationCredentials:
        """Our application at Login with Amazon."""
        return ApplicationCredentials(self.consent.client_id, self.consent.client_secret)

    @property
    def redirect_uri(self) -> str:
        """Where Amazon sends browsers back to."""
        return f"{self.notifications.public_base_url}/callback"


def make_means(
    settings: Settings, notifications: NotificationSettings, consent: ConsentSettings, *, now: Now = utc_now
) -> Means:
    """Build them; nothing is asked of anybody yet."""
    airflow = AirflowGateway(consent.airflow_url, consent.airflow_user, consent.airflow_password)
    tokens: TokenStore = AirflowTokens(airflow)
    if consent.tokens_in == "secrets_manager":
        tokens = SecretsManagerTokens(consent.secrets_prefix)

    return Means(settings, notifications, consent, tokens, airflow, _SellersFile(settings.sellers_file), now)


class _SellersFile:
    """Reads the file once for each state of it: a thousand entries take longer than all else that a page is made of."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[object, Mapping[str, Seller]] = (None, {})

    def __call__(self) -> Mapping[str, Seller]:
        stamp, sellers = self._read
        found = self._stamp()
        if found is None or found != stamp:
            entries = load_sellers(self._path)
            sellers = {entry.seller_id: entry for entry in entries if isinstance(entry, Seller)}
            self._read = (found, sellers)
        return sellers

    def _stamp(self) -> object:
        """What an edit changes; None where the file cannot be looked at, whose reading says why."""
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns
