"""A schedule is data: a seed, and what goes wrong when, to whom, at which point; any JSON of it can be played again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any, Literal

from tests.chaos.points import Point, Where

StoreName = Literal["file", "s3"]
SELLERS = ("nordlicht", "harbour", "maple")
NIGHTS = 2
FEWEST, MOST = 4, 9
SHARE_OF_S3 = 0.2
AFTER_A_LAPSE = ("notify_reconnect", "send_owed", "come_back")
LAPSES = ("revoked and back", "revoked")
# As far as a task usually comes; a point that is not reached makes no fault.
REACH: Mapping[str, Mapping[Where, int]] = {
    "validate_authorization": {"http": 3, "db": 18, "answered": 18},
    "extract_orders": {"http": 4, "db": 47, "answered": 47, "file": 4},
    "load_orders": {"db": 37, "answered": 37, "file": 2},
    "notify_reconnect": {"http": 2, "db": 27, "answered": 27, "mail": 10},
    "send_owed": {"db": 6, "answered": 6, "mail": 10},
    "look_out": {"db": 18, "answered": 18},
    "come_back": {"http": 17, "db": 60, "answered": 60},
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, once.

    Attributes:
        kind: A name of `tests.chaos.kinds.KINDS`.
        night: From which night on, 1 is the first.
        seller: Whose task, "" for whoever comes first.
        task: At which task.
        point: Where in it, None for before it begins.
        parameters: As the kind reads them.
    """

    kind: str
    night: int
    seller: str
    task: str
    point: Point | None
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        """For people."""
        where = f"{self.point.where} {self.point.number}" if self.point else "its beginning"
        facts = ", ".join(f"{name} {value}" for name, value in self.parameters.items())
        what = f"{self.kind} ({facts})" if facts else self.kind
        return f"night {self.night}, {self.seller or 'anybody'}, {self.task}, {where}: {what}"


@dataclass(frozen=True)
class Schedule:
    """What is played.

    Attributes:
        seed: Of the shops' orders too.
        store: Where raw pages go.
        faults: In no order.
    """

    seed: int
    store: StoreName
    faults: tuple[Fault, ...]

    def without(self, number: int) -> Schedule:
        """The same, less one fault."""
        return replace(self, faults=(*self.faults[:number], *self.faults[number + 1 :]))

    def as_json(self) -> str:
        """One line that `from_json` reads."""
        return json.dumps(asdict(self))


def from_json(text: str) -> Schedule:
    """Read what `as_json` wrote."""
    document = json.loads(text)
    faults = [{**fault, "point": fault["point"] and Point(*fault["point"])} for fault in document["faults"]]
    return Schedule(document["seed"], document["store"], tuple(Fault(**fault) for fault in faults))


def draw(seed: int) -> Schedule:
    """The schedule of a seed, always the same."""
    from tests.chaos.kinds import KINDS

    chance = Random(seed)
    store: StoreName = "s3" if chance.random() < SHARE_OF_S3 else "file"
    able = [name for name, kind in KINDS.items() if kind.store in (None, store)]
    names = chance.sample(able, chance.randint(FEWEST, MOST))
    faults = [_fault(chance, name, store) for name in names]
    if any(fault.task in AFTER_A_LAPSE for fault in faults) and not any(name in LAPSES for name in names):
        # Without it there would be nobody to tell, and no way back to be disturbed on.
        seller, minutes = chance.choice(SELLERS), chance.randint(60, 20 * 60)
        faults.append(Fault(LAPSES[0], 1, seller, "validate_authorization", None, {"minutes": minutes}))
    return Schedule(seed, store, tuple(faults))


def _fault(chance: Random, name: str, store: StoreName) -> Fault:
    from tests.chaos.kinds import KINDS

    kind = KINDS[name]
    task = chance.choice(kind.tasks)
    reach = {where: most for where, most in REACH[task].items() if where in kind.wheres}
    if store == "s3":
        reach.pop("file", None)
    point = None
    if reach and (kind.needs_point or chance.random() < 0.7):
        where = chance.choice(list(reach))
        point = Point(where, chance.randint(1, reach[where]))
    seller = chance.choice(SELLERS) if task in REACH and task not in ("send_owed", "look_out", "ask_again") else ""
    night = chance.randint(1, NIGHTS)
    if task in AFTER_A_LAPSE:
        # Few have one; whoever comes first.
        seller, night = "", 1
    return Fault(name, night, seller, task, point, kind.draw(chance))
