"""What the machine says: CPU seconds of process trees, peak memory, and how fast this machine is."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from include.clock import format_utc, utc_now

CALIBRATION_STEPS = 5_000_000
CALIBRATION_ROUNDS = 5


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of a process and of all its descendants, those that have ended and were collected included."""
    root = psutil.Process(pid)
    while True:
        family = [root, *root.children(recursive=True)]
        try:
            spent_s = sum(sum(process.cpu_times()[:4]) for process in family)
        except psutil.NoSuchProcess:
            continue
        # One that ended while we counted is in its parent's sum now: counted twice, or not at all.
        if {process.pid for process in family} == {pid, *(child.pid for child in root.children(recursive=True))}:
            return float(spent_s)


def peak_memory_mib(pid: int | None = None) -> float:
    """The most memory this process, or another, ever held at once."""
    status = Path(f"/proc/{pid or 'self'}/status")
    # Linux hands the peak of the process that starts another on to it, which getrusage then reports; this it does not.
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return int(lines.get("VmHWM", "0 kB").split()[0]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1024**2


def machine_facts() -> dict[str, Any]:
    """Return when and where this was measured, with the calibration figure."""
    return {
        "measured_utc": format_utc(utc_now()),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "calibration_cpu_s": calibration_cpu_s(),
    }


def calibration_cpu_s() -> float:
    """CPU seconds of a fixed loop in pure Python; figures of two machines compare as their calibrations do."""
    return statistics.median(_loop_cpu_s() for _ in range(CALIBRATION_ROUNDS))


def _loop_cpu_s() -> float:
    begun_s = time.process_time()
    total = 0
    for number in range(CALIBRATION_STEPS):
        total += number & 7
    return time.process_time() - begun_s
