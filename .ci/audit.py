"""`make audit`: known vulnerabilities of every pinned package; what could not be checked is a failure, never good news.

pip-audit says "No known vulnerabilities found" and ends well where its index has no advisories and it skipped every
package. So its own verdict is not asked for, only its list.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIP_AUDIT = ROOT / ".tools" / "audit" / "bin" / "pip-audit"
LOCK = ROOT / "requirements.txt"
# A pin with a marker may be for another system than this one.
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==[^ ;]+ *\\?$", re.MULTILINE)
MOST_NAMED = 5


def pinned(lock: str) -> set[str]:
    """Names of the packages that this lock installs on every system."""
    return {_plain(name) for name in PIN.findall(lock)}


def problems(output: str, names: set[str]) -> list[str]:
    """Read pip-audit's JSON; return what is wrong, one sentence each, nothing where all is checked and well."""
    try:
        found: list[dict[str, Any]] = json.loads(output)["dependencies"]
        checked = {_plain(package["name"]) for package in found if "vulns" in package}
        holes = [(package, hole) for package in found for hole in package.get("vulns", ())]
        skipped = {
            _plain(package["name"]): str(package["skip_reason"]) for package in found if "skip_reason" in package
        }
        said = [f"{p['name']} {p['version']}: {hole['id']}, mended in {_versions(hole)}." for p, hole in holes]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ["Nothing was checked: pip-audit gave no list of packages."]
    if not checked:
        said.append("Nothing was checked: does the package index have advisories (PyPI's own does)?")
    missing = (names - checked) | skipped.keys()
    if checked and missing:
        shown = ", ".join(f"{n} ({skipped.get(n, 'not in the list')})" for n in sorted(missing)[:MOST_NAMED])
        said.append(f"{len(missing)} packages were not checked, among them {shown}.")
    return said


def main(arguments: Sequence[str] = ()) -> int:
    """Ask, and say what came; 1 where there is a hole, or where something was not checked."""
    command = [str(PIP_AUDIT), "--requirement", str(LOCK), "--disable-pip", "--no-deps", "--format", "json"]
    told = subprocess.run(
        [*command, "--progress-spinner", "off", *arguments], capture_output=True, text=True, check=False
    )
    names = pinned(LOCK.read_text(encoding="utf-8"))
    wrong = problems(told.stdout, names)
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        print((told.stderr.strip().splitlines() or [""])[-1][:300], file=sys.stderr)
        return 1
    print(f"{len(names)} packages checked: none has a known vulnerability.")
    return 0


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _versions(hole: dict[str, Any]) -> str:
    return ", ".join(hole.get("fix_versions") or []) or "no version yet"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
