"""What can go wrong: each kind with its strike, where it may strike, and what people may be told because of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from include.clock import format_utc
from include.fake_amazon import literal
from tests.chaos.points import Where
from tests.chaos.schedule import Fault, StoreName
from tests.chaos.scheduler import Limited, Orphaned, Outcome
from tests.chaos.tries import Try

if TYPE_CHECKING:
    from tests.chaos.play import Play

Strike = Callable[["Play", Fault, Try | None], Outcome]
Draw = Callable[[Random], Mapping[str, Any]]
STEPS = ("validate_authorization", "extract_orders", "load_orders")
TASKS = (*STEPS, "notify_reconnect", "send_owed", "look_out", "come_back")
ASKING = ("validate_authorization", "extract_orders")
WRITING = ("notify_reconnect", "send_owed")
EVERYWHERE: tuple[Where, ...] = ("http", "db", "answered", "file", "mail")
OPERATION = {"validate_authorization": "getMarketplaceParticipations", "extract_orders": "searchOrders"}


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        strike: Makes it happen; returns what becomes of the try that stands there.
        tasks: At which tasks.
        draw: Its parameters.
        wheres: At which points of them; none for before they begin.
        needs_point: Whether it cannot strike before a task begins.
        store: The only store it can strike, None for either.
        tells: Classes of which operators may be told because of it; what passes by itself tells nobody.
        doubles_mails: Whether a mail may come twice because of it, with the same Message-ID, wherever it strikes.
        doubles_this_mail: The same, where it strikes in a task that sends: what was sent could not be noted.
    """

    strike: Strike
    tasks: tuple[str, ...]
    draw: Draw = lambda _: {}
    wheres: tuple[Where, ...] = EVERYWHERE
    needs_point: bool = False
    store: StoreName | None = None
    tells: frozenset[str] = frozenset()
    doubles_mails: bool = False
    doubles_this_mail: bool = False

    def may_double_mails(self, fault: Fault) -> bool:
        """Whether a mail may come twice because of this fault."""
        return self.doubles_mails or (self.doubles_this_mail and fault.task in WRITING and fault.point is not None)


def _minutes(least: int, most: int) -> Draw:
    return lambda chance: {"minutes": chance.randint(least, most)}


def _times(least: int, most: int) -> Draw:
    return lambda chance: {"times": chance.randint(least, most)}


def _killed(_: Play, __: Fault, task: Try | None) -> Outcome:
    return task.kill() if task else None


def _orphaned(_: Play, fault: Fault, __: Try | None) -> Outcome:
    return Orphaned(timedelta(minutes=fault.parameters["minutes"]))


def _slow(_: Play, fault: Fault, __: Try | None) -> Outcome:
    return timedelta(minutes=fault.parameters["minutes"])


def _scheduler_restart(play: Play, _: Fault, task: Try | None) -> Outcome:
    play.scheduler.restart()
    return task.kill() if task else None


def _machine_away(play: Play, fault: Fault, task: Try | None) -> Outcome:
    play.scheduler.restart()
    play.stage.restart_postgres(hard=True)
    play.amazon.clear_faults()
    play.clock.sleep(fault.parameters["hours"] * 3600)
    return task.kill() if task else None


def _postgres_restart(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.stage.restart_postgres(hard=fault.parameters["hard"])
    return None


def _postgres_away(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.stage.stop_postgres()
    play.scheduler.after(play.stage.house.postgres.start, minutes=fault.parameters["minutes"])
    return None


def _answers(*names: str) -> Strike:
    """Amazon's next answers to this task are these, in the words on record."""

    def strike(play: Play, fault: Fault, _: Try | None) -> Outcome:
        answer = getattr(literal, names[fault.parameters["times"] % len(names)])
        operation = OPERATION[fault.task]
        play.amazon.fail_next(operation, shop_id=fault.seller, **answer._asdict(), times=fault.parameters["times"])
        return None

    return strike


def _lwa(*names: str) -> Strike:
    def strike(play: Play, fault: Fault, _: Try | None) -> Outcome:
        answer = getattr(literal, names[fault.parameters["times"] % len(names)])
        play.amazon.fail_next("lwa.refresh_token", **answer._asdict(), times=fault.parameters["times"])
        return None

    return strike


def _hanging(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.amazon.fail_next(OPERATION[fault.task], shop_id=fault.seller, latency_s=20, times=fault.parameters["times"])
    return None


def _broken_off(play: Play, fault: Fault, _: Try | None) -> Outcome:
    how = {fault.parameters["how"]: True}
    play.amazon.fail_next(OPERATION[fault.task], shop_id=fault.seller, times=fault.parameters["times"], **how)
    return None


def _access_token_dies(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.amazon.expire_access_tokens(fault.seller)
    return None


def _pages_in_disorder(play: Play, fault: Fault, _: Try | None) -> Outcome:
    """Tokens from before a change of the order are refused, as dead ones are."""
    play.shuffled[fault.seller] = not play.shuffled.get(fault.seller, False)
    repeat = fault.parameters.get("repeat", 0)
    play.amazon.set_page_order(fault.seller, repeat=repeat, shuffled=play.shuffled[fault.seller])
    return None


def _revoked(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.revoke(fault.seller)
    return None


def _revoked_and_back(play: Play, fault: Fault, _: Try | None) -> Outcome:
    if play.revoke(fault.seller):
        play.scheduler.after(lambda: play.come_back(fault.seller), minutes=fault.parameters["minutes"])
    return None


def _renewed_early(play: Play, fault: Fault, task: Try | None) -> Outcome:
    """The seller takes it back and gives it again at once, while a run is at work with the old one."""
    if not play.revoke(fault.seller):
        return None
    if task is None:
        play.come_back(fault.seller)
        return None
    # The run stands where it is meanwhile; what the seller's return waits for, it lets go before its time.
    play.scheduler.after(lambda: play.come_back(fault.seller), seconds=1)
    return timedelta(minutes=1)


def _secret_expires(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.amazon.expire_client_secret()
    play.scheduler.after(play.amazon.renew_client_secret, minutes=fault.parameters["minutes"])
    return None


def _everybody_refused(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.amazon.fail_next("lwa.refresh_token", times=1000, **literal.LWA_REFRESH_TOKEN_INVALID._asdict())
    play.scheduler.after(play.amazon.clear_faults, minutes=fault.parameters["minutes"])
    return None


def _mail_server_away(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.stage.stop_mail_server()
    play.scheduler.after(play.stage.start_mail_server, minutes=fault.parameters["minutes"])
    return None


def _mail_server_ill(play: Play, fault: Fault, _: Try | None) -> Outcome:
    if server := play.stage.mail_server:
        server.refused_data = "451 later"

        def well() -> None:
            server.refused_data = ""

        play.scheduler.after(well, minutes=fault.parameters["minutes"])
    return None


def _mail_answer_lost(play: Play, fault: Fault, _: Try | None) -> Outcome:
    if server := play.stage.mail_server:
        server.dies_after_data = True

        def well() -> None:
            server.dies_after_data = False

        play.scheduler.after(well, minutes=fault.parameters["minutes"])
    return None


def _store_refuses(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.stage.store.fail(fault.parameters["how"], fault.parameters["times"])
    return None


def _disk_full(_: Play, fault: Fault, __: Try | None) -> Outcome:
    return Limited(fault.parameters["room"])


def _clock_steps(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.amazon.set_clock(play.clock() + timedelta(minutes=fault.parameters["by_minutes"]))
    play.scheduler.after(lambda: play.amazon.set_clock(None), minutes=fault.parameters["minutes"])
    return None


def _quota_gone(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.amazon.set_bucket(fault.seller, "searchOrders", fault.parameters["left"])
    return None


def _orders_change(play: Play, fault: Fault, _: Try | None) -> Outcome:
    play.change_orders(fault.seller, fault.parameters["orders"])
    return None


def _read_again(play: Play, fault: Fault, _: Try | None) -> Outcome:
    now_utc = play.clock()
    conf = {
        "from_utc": format_utc(now_utc - timedelta(hours=fault.parameters["hours"])),
        "to_utc": format_utc(now_utc - timedelta(hours=1)),
    }
    play.scheduler.start_run(fault.seller, f"manual__{now_utc.isoformat()}", conf)
    return None


CONTRACT = frozenset({"ContractError"})
KINDS: Mapping[str, Kind] = {
    "worker killed": Kind(_killed, TASKS, needs_point=True, doubles_mails=True),
    "worker killed again": Kind(_killed, STEPS, needs_point=True),
    "worker lost, its task goes on": Kind(
        _orphaned, (*STEPS, "notify_reconnect"), _minutes(1, 20), needs_point=True, doubles_mails=True
    ),
    "slow worker": Kind(_slow, TASKS, _minutes(1, 90), needs_point=True, doubles_mails=True),
    "scheduler restart": Kind(_scheduler_restart, STEPS, needs_point=True),
    "machine away": Kind(_machine_away, STEPS, lambda chance: {"hours": chance.randint(2, 30)}, needs_point=True),
    "postgresql restart": Kind(
        _postgres_restart, TASKS, lambda chance: {"hard": chance.random() < 0.5}, doubles_this_mail=True
    ),
    "postgresql away": Kind(_postgres_away, TASKS, _minutes(1, 45), doubles_this_mail=True),
    "429": Kind(_answers("QUOTA_EXCEEDED"), ASKING, _times(1, 6)),
    "5xx": Kind(_answers("INTERNAL_FAILURE", "INTERNAL_FAILURE_WITHOUT_DETAILS"), ASKING, _times(1, 40)),
    "html": Kind(_answers("HTML_REJECTED", "HTML_UNAVAILABLE"), ASKING, _times(1, 9)),
    "hanging": Kind(_hanging, ASKING, _times(1, 2)),
    "broken off": Kind(
        _broken_off,
        ASKING,
        lambda chance: {"how": chance.choice(["drop", "cut_off"]), "times": chance.randint(1, 9)},
    ),
    "login broken": Kind(_lwa("LWA_SERVER_ERROR", "LWA_TEMPORARILY_UNAVAILABLE"), ASKING, _times(1, 40)),
    "access token dies": Kind(_access_token_dies, ASKING),
    "pagination token dies": Kind(
        _pages_in_disorder, ("extract_orders",), wheres=("http", "file"), needs_point=True, tells=CONTRACT
    ),
    "pages repeated and reordered": Kind(
        _pages_in_disorder,
        ("extract_orders",),
        lambda chance: {"repeat": chance.choice([0, 1, 30, 75])},
        wheres=(),
        tells=CONTRACT,
    ),
    "revoked": Kind(_revoked, STEPS),
    "revoked and back": Kind(_revoked_and_back, STEPS, _minutes(2, 40 * 60)),
    "renewed in the middle": Kind(_renewed_early, STEPS),
    "client secret expires": Kind(
        _secret_expires,
        ASKING,
        _minutes(10, 20 * 60),
        tells=frozenset({"ApplicationCredentialsError", "SettingsError"}),
    ),
    "denied": Kind(
        _answers("ACCESS_DENIED"),
        ASKING,
        _times(1, 2),
        tells=frozenset({"AccessDeniedError", "ConsentToConfirm"}),
    ),
    "everybody refused": Kind(_everybody_refused, ASKING, _minutes(5, 25), tells=frozenset({"MassRefusal"})),
    "mail server away": Kind(_mail_server_away, (*WRITING, "validate_authorization"), _minutes(10, 20 * 60)),
    "mail server ill": Kind(_mail_server_ill, (*WRITING, "validate_authorization"), _minutes(10, 20 * 60)),
    "mail answer lost": Kind(
        _mail_answer_lost, (*WRITING, "validate_authorization"), _minutes(10, 3 * 60), doubles_mails=True
    ),
    "store refuses": Kind(
        _store_refuses,
        ("extract_orders", "load_orders"),
        lambda chance: {
            "how": chance.choice(["SlowDown", "InternalError", "AccessDenied", "closed"]),
            "times": chance.randint(1, 12),
        },
        store="s3",
        tells=frozenset({"SettingsError"}),  # what the store forbids is for people
    ),
    "disk full": Kind(
        _disk_full,
        ("extract_orders",),
        lambda chance: {"room": chance.choice([0, 10, 2000])},
        needs_point=True,
        store="file",
    ),
    "amazon's clock steps": Kind(
        _clock_steps,
        ASKING,
        lambda chance: {
            "by_minutes": chance.choice([-180, -61, -5, -1, 1, 5, 61, 180]),
            "minutes": chance.randint(5, 400),
        },
    ),
    "quota gone": Kind(_quota_gone, ("extract_orders",), lambda chance: {"left": chance.choice([0, 1, 2])}),
    "orders change": Kind(_orders_change, ("extract_orders", "load_orders"), lambda c: {"orders": c.randint(1, 30)}),
    "read again by hand": Kind(_read_again, ("load_orders",), lambda c: {"hours": c.randint(2, 40)}, wheres=()),
}
