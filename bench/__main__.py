"""`python -m bench [PART,...]`: measure, print one table, write bench/results.json."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from bench import beside, limits, load, night, parsing, reschedules, runs, trouble
from bench.figures import Figure, table
from bench.machine import machine_facts
from include.local_stack.progress import Progress

PARTS: dict[str, Callable[[Progress], list[Figure]]] = {
    "load": load.measure,
    "limits": limits.measure,
    "trouble": trouble.measure,
    "beside": beside.measure,
    "parse": parsing.measure,
    "runs": runs.measure,
    "reschedules": reschedules.measure,
    "night": night.measure,
}
# One waits for Amazon's real rates, ten minutes of them; the other runs a thousand sellers.
NOT_BY_DEFAULT = ("reschedules", "night")
RESULTS = Path(__file__).with_name("results.json")


class _Voice(Progress):
    """Progress on stderr, so that stdout is the table alone."""

    def say(self, text: str = "") -> None:
        """Print a line."""
        print(text, file=sys.stderr, flush=True)

    def now(self, text: str) -> None:
        """Nothing is overwritten here."""


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(PARTS)}")
    return names


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts that are asked for; a wrong result of the measured work ends it with a traceback."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    default = [name for name in PARTS if name not in NOT_BY_DEFAULT]
    parser.add_argument("parts", nargs="?", type=_parts, default=default, help=f"of {','.join(PARTS)}")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (default %(default)s)")
    parser.add_argument("--sellers", type=int, default=night.SELLERS, help="of the night (default %(default)s)")
    chosen = parser.parse_args(arguments)
    # Everything here is on loopback, which no proxy of the person's can reach.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    voice, facts, figures = _Voice(), machine_facts(), []
    for part in chosen.parts:
        voice.say(f"{part} (after {voice.seconds():.0f} s)")
        figures += night.measure(voice, chosen.sellers) if part == night.PART else PARTS[part](voice)
    document = facts | {"bench_s": voice.seconds(), "figures": [figure.document() for figure in figures]}
    chosen.results.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(table(figures)))
    print(
        f"\n{facts['cpus']} CPUs, Python {facts['python']}, calibration {facts['calibration_cpu_s']:.3f} CPU s;"
        f" {voice.seconds():.0f} s in all"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
