"""Chance that is the same in every process, on every machine and in every Python: the generator's only randomness."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def digest_number(*key: object, bits: int = 128) -> int:
    """A number that depends on the key alone (Python's own `hash` differs from process to process)."""
    text = "\x1f".join(str(part) for part in key)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=bits // 8).digest(), "big")


class Dice:
    """Draws from one key, built on `Random.random()` alone, the one method whose sequence Python guarantees."""

    __slots__ = ("roll",)

    def __init__(self, *key: object) -> None:
        self.roll = random.Random(digest_number(*key)).random  # noqa: S311 - chance for sample data, not for secrets

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.roll() < probability

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.roll()

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int((high - low + 1) * self.roll())

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices, each as likely as the others."""
        return choices[int(len(choices) * self.roll())]

    def digits(self, count: int) -> str:
        """A text of so many decimal digits, the first of them not 0."""
        return str(self.whole(10 ** (count - 1), 10**count - 1))
