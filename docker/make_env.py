"""Write .env for docker compose: .env.example with fresh passwords and keys; never over one that is there."""

from __future__ import annotations

import os
import re
import secrets
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TO_FILL = re.compile(r'^(\w*PASSWORD|JWT_SECRET|API_SECRET_KEY|FERNET_KEY|SECRET_KEY)="" *', re.MULTILINE)


def _filled(line: re.Match[str]) -> str:
    is_fernet = line[1] == "FERNET_KEY"
    value = urlsafe_b64encode(secrets.token_bytes(32)).decode() if is_fernet else secrets.token_urlsafe(24)
    return f'{line[1]}="{value}"  '


def main() -> None:
    """Make the file readable by its owner alone, or say that there is one."""
    target = ROOT / ".env"
    text = TO_FILL.sub(_filled, (ROOT / ".env.example").read_text())
    try:
        descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        sys.exit(f"{target} is there already; it stays as it is.")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
