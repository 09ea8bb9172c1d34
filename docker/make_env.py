"""Write what docker compose needs, with fresh passwords and keys: .env, and secrets/ for the cluster.

Nothing that is there is written over. `make_env.py FOLDER` writes into another folder.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TO_FILL = re.compile(
    r'^(\w*PASSWORD|JWT_SECRET|API_SECRET_KEY|FERNET_KEY|SECRET_KEY|PERSONAL_DATA_KEY|COMPOSE_PROFILES)="" *',
    re.MULTILINE,
)
# One file each in secrets/, the value alone in it.
PASSWORDS = (
    "airflow_api_password",
    "airflow_db_password",
    "analyst_password",
    "api_secret_key",
    "jwt_secret",
    "loader_password",
    "postgres_password",
    "secret_key",
    "ui_password",
)


def _password() -> str:
    return secrets.token_urlsafe(24)


def _fernet_key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


NO_PASSWORDS = {"COMPOSE_PROFILES": lambda: "one-machine", "FERNET_KEY": _fernet_key, "PERSONAL_DATA_KEY": _fernet_key}


def _filled(line: re.Match[str]) -> str:
    return f'{line[1]}="{NO_PASSWORDS.get(line[1], _password)()}"  '


def secret_files(known: Mapping[str, str]) -> dict[str, str]:
    """Return the content of each file in secrets/ by its name, every password a fresh one but those that are known."""
    passwords = {name: known.get(name) or _password() for name in PASSWORDS}
    return {
        **passwords,
        "fernet_key": _fernet_key(),
        "personal_data_key": _fernet_key(),
        "redis_config": f"requirepass {_password()}",
        "warehouse_dsn": f"postgresql://loader:{passwords['loader_password']}@warehouse:5432/warehouse",
        "amazon_client_secret": "",
        "old_secret_keys": "",
    }


def _write_new(target: Path, text: str, mode: int) -> bool:
    try:
        descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        # Whatever the umask says.
        os.fchmod(descriptor, mode)
        file.write(text)
    return True


def main(folder: Path) -> None:
    """Make what is missing, readable by its owner alone; say what was there."""
    if not _write_new(folder / ".env", TO_FILL.sub(_filled, (ROOT / ".env.example").read_text()), 0o600):
        sys.stderr.write(f"{folder / '.env'} is there already; it stays as it is.\n")
    try:
        # The folder keeps others out; the containers' users, whom compose shows single files of it, must read those.
        (folder / "secrets").mkdir(mode=0o700)
    except FileExistsError:
        sys.stderr.write(f"{folder / 'secrets'} is there already; what it holds stays as it is.\n")
        (folder / "secrets").chmod(0o700)
    known = {path.name: path.read_text() for path in (folder / "secrets").iterdir() if path.is_file()}
    for name, text in secret_files(known).items():
        _write_new(folder / "secrets" / name, text, 0o644)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
