"""`python -m bench [PART,...]`: measure, print one table, keep every part in bench/results.json.

What was measured is kept part by part, so that a run which ends early has lost only the part it was at. With results
in their usual place the documents follow: their tables and plots are drawn from the file.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

from bench import documents, night, real_amazon
from bench.figures import table
from bench.machine import machine_facts
from bench.parts import NOT_BY_DEFAULT, PARTS
from bench.results import RESULTS, figures_of, keep_part, read_results
from include.local_stack.progress import Progress


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


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    default = [name for name in PARTS if name not in NOT_BY_DEFAULT]
    parser.add_argument("parts", nargs="?", type=_parts, default=default, help=f"of {','.join(PARTS)}")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (default %(default)s)")
    parser.add_argument("--sellers", type=int, default=night.SELLERS, help="of the night (default %(default)s)")
    parser.add_argument("--amazon", metavar="URL", help="read from this SP-API address instead; no part of the others")
    return parser.parse_args(arguments)


def _measure(voice: Progress, part: str, chosen: argparse.Namespace) -> bool:
    """Measure one part and keep it; False, with the traceback said, where it failed."""
    begun_s, facts = voice.seconds(), machine_facts()
    try:
        figures = night.measure(voice, chosen.sellers) if part == night.PART else PARTS[part](voice)
    except Exception:  # noqa: BLE001 - whichever it is, the other parts are worth measuring
        voice.say(f"  {part} FAILED:\n{traceback.format_exc()}")
        return False
    keep_part(chosen.results, part, facts, voice.seconds() - begun_s, figures)
    return True


def main(arguments: list[str] | None = None) -> int:
    """Measure the parts that are asked for; 1 where one failed or gave a wrong result."""
    chosen = _arguments(arguments)
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    if chosen.amazon:
        print("\n".join(table(real_amazon.measure(_Voice(), chosen.amazon))))
        return 0
    # Everything here is on loopback, which no proxy of the person's can reach.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    voice, left = _Voice(), list(chosen.parts)
    failed = []
    try:
        for part in chosen.parts:
            voice.say(f"{part} (after {voice.seconds():.0f} s)")
            if not _measure(voice, part, chosen):
                failed.append(part)
            left.remove(part)
    except KeyboardInterrupt:
        voice.say("Interrupted.")
    results = read_results(chosen.results)
    if chosen.results == RESULTS:
        documents.write(results)
    print("\n".join(table([figure for part in PARTS if part in results for figure in figures_of(results, part)])))
    measured = [part for part in chosen.parts if part not in (*failed, *left)]
    print(f"\nMeasured in {voice.seconds():.0f} s: {', '.join(measured) or 'nothing'}; the others are of earlier days.")
    if failed or left:
        voice.say(f"Still to be measured: make bench BENCH={','.join([*failed, *left])}")
    return 1 if failed or left else 0


if __name__ == "__main__":
    sys.exit(main())
