"""Every password and key of one local stack: made once, kept beside its data, readable by their owner alone."""

from __future__ import annotations

import json
import os
import secrets
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from include.errors import SettingsError


def _password() -> str:
    return secrets.token_urlsafe(18)


def _fernet_key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """One attribute for each login or key; none of them ever shows in a repr.

    Attributes:
        superuser: PostgreSQL's `postgres`.
        airflow: The role that owns Airflow's database.
        loader: The role that owns the warehouse.
        analyst: The role that reads the tables.
        ui: The user `admin` of Airflow's UI.
        fernet_key: Encrypts Airflow's Connections.
        jwt_secret: Signs the tokens between Airflow's processes.
        api_secret_key: Signs the UI's sessions.
        secret_key: Keys the fingerprints of refresh tokens and signs the links in mails.
        personal_data_key: Encrypts personal data that have landed, of sellers who want them.
    """

    superuser: str = field(default_factory=_password)
    airflow: str = field(default_factory=_password)
    loader: str = field(default_factory=_password)
    analyst: str = field(default_factory=_password)
    ui: str = field(default_factory=_password)
    fernet_key: str = field(default_factory=_fernet_key)
    jwt_secret: str = field(default_factory=_password)
    api_secret_key: str = field(default_factory=_password)
    secret_key: str = field(default_factory=_password)
    personal_data_key: str = field(default_factory=_fernet_key)


# What a run folder made by an earlier version lacks.
LATER = ("secret_key", "personal_data_key")


def load_or_make_passwords(run_dir: Path) -> Passwords:
    """Return the passwords of this run folder, the same at every call.

    Raises:
        SettingsError: The file was damaged; the data cannot be opened without it.
    """
    path = run_dir / "passwords.json"
    if not path.exists():
        return _stored(path, Passwords())
    try:
        stored = json.loads(path.read_text())
        known = Passwords(
            **{
                part.name: str(stored[part.name])
                for part in fields(Passwords)
                if part.name in stored or part.name not in LATER
            }
        )
    except (ValueError, KeyError, TypeError):
        raise SettingsError(
            f"{path} is damaged.", remedy="Restore it, or run `make clean`, which deletes the local data."
        ) from None
    return known if stored.keys() >= set(LATER) else _stored(path, known)


def _stored(path: Path, passwords: Passwords) -> Passwords:
    half = path.with_suffix(".half")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump(asdict(passwords), file)
    half.rename(path)
    return passwords
