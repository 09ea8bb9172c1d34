"""The judge is judged: what is planted after a quiet play must be found, and nothing else."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.warehouse.connection import Connection
from tests.chaos import silent, tries
from tests.chaos.__main__ import played
from tests.chaos.judge import differences
from tests.chaos.kinds import KINDS
from tests.chaos.play import Lapse, Play
from tests.chaos.points import Point
from tests.chaos.schedule import Fault, Schedule
from tests.chaos.stage import House, set_stage

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(600)]

REVOKED = Fault("revoked", 1, "maple", "validate_authorization", None, {})
KILLED = Fault("worker killed", 1, "harbour", "load_orders", Point("db", 9), {})


# First, because it empties the tables that all others look at.
def test_a_product_that_tells_no_seller_is_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "_run", silent.run)
    play, found = played(house, Schedule(1, "file", (REVOKED,)))
    assert {fault.kind for fault in play.record.struck} == {"revoked"}
    for contact in ("office@maple.example", "owner@maple.example"):
        assert any(difference.startswith(f"{contact} got 0 mails reconnect, owed are 1 to 1") for difference in found)


@pytest.fixture(scope="module")
def play(house: House) -> Iterator[Play]:
    """A play in which one seller lapses and stays away, and one worker dies."""
    with set_stage(house, 1, "file") as stage:
        play = Play(Schedule(1, "file", (REVOKED, KILLED)), stage)
        play.perform()
        yield play


@pytest.fixture
def warehouse(play: Play) -> Iterator[Connection]:
    """The tables it left; whatever is planted is gone afterwards."""
    with play.stage.connect() as connection, connection.transaction(force_rollback=True):
        assert differences(play, connection) == []
        yield connection


def test_both_faults_struck_and_one_seller_was_told(play: Play, warehouse: Connection) -> None:
    assert {fault.kind for fault in play.record.struck} == {"revoked", "worker killed"}
    to_sellers = [mail for mail in play.stage.taken if mail.recipients[0].endswith("@maple.example")]
    assert sorted(mail.recipients[0] for mail in to_sellers) == ["office@maple.example", "owner@maple.example"]


PLANTED = {
    "a changed amount": "UPDATE amazon.orders SET grand_total_amount = grand_total_amount + 1 WHERE order_id ="
    " (SELECT order_id FROM amazon.orders WHERE seller_id = 'harbour' AND grand_total_amount > 0 LIMIT 1)",
    "a missing line": "DELETE FROM amazon.order_items WHERE seller_id = 'harbour'",
    "a watermark too far": "UPDATE ops.watermark SET complete_through_utc = complete_through_utc + interval '1 minute'"
    " WHERE seller_id = 'harbour'",
    "a hole between two nights": "UPDATE ops.extraction_window SET window_start_utc = window_start_utc"
    " + interval '7 hours' WHERE window_id = (SELECT max(window_id) FROM ops.extraction_window"
    " WHERE seller_id = 'nordlicht')",
    "a window that never loaded": "UPDATE ops.extraction_window SET state = 'extracted' WHERE window_id ="
    " (SELECT max(window_id) FROM ops.extraction_window WHERE seller_id = 'nordlicht')",
    "an incident nothing asks for": "INSERT INTO ops.incident (seller_id, error_class, generation, opened_utc, facts,"
    " closed_utc) VALUES ('nordlicht', 'ContractError', 1, now(), '{}', now())",
    "an incident without an end": "UPDATE ops.incident SET closed_utc = NULL, seller_id = 'nordlicht'"
    " WHERE error_class = 'DataLate'",
    "a mail that is owed": "UPDATE ops.outbox SET sent_utc = NULL WHERE message_id ="
    " (SELECT message_id FROM ops.outbox WHERE audience = 'seller' LIMIT 1)",
    "a mail said to be sent": "UPDATE ops.outbox SET message_ref = gen_random_uuid() WHERE message_id ="
    " (SELECT message_id FROM ops.outbox WHERE audience = 'seller' LIMIT 1)",
    "a seller never told": "DELETE FROM ops.outbox WHERE audience = 'seller'",
    "a wrong status": "UPDATE ops.seller_authorization SET status = 'verifying' WHERE seller_id = 'harbour'",
    "a token in a table": "INSERT INTO ops.heartbeat VALUES ('Atzr|planted', now())",
    "a password in a table": "INSERT INTO ops.heartbeat VALUES ('loader-password-of-chaos', now())",
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_in_the_tables_is_found(play: Play, warehouse: Connection, name: str) -> None:
    assert warehouse.execute(PLANTED[name]).rowcount > 0
    assert differences(play, warehouse)


def test_a_secret_in_a_log_is_found(play: Play, warehouse: Connection) -> None:
    play.scheduler.log.append(f"a token is {play.amazon.authorize('harbour').refresh_token}")
    assert any("log" in difference for difference in differences(play, warehouse))
    play.scheduler.log.pop()


def test_a_token_in_a_landed_page_is_found(play: Play, warehouse: Connection) -> None:
    page = Path(play.stage.store.raw_root) / "page.json.gz"
    page.write_bytes(gzip.compress(b'{"token": "Atza|planted"}'))
    assert any("Atza|" in difference for difference in differences(play, warehouse))
    page.unlink()


def test_a_mail_that_came_twice_or_that_nobody_owed_is_found(play: Play, warehouse: Connection) -> None:
    play.record.struck.remove(KILLED)  # it excuses a second copy
    play.stage.taken.append(play.stage.taken[0])
    assert any("came 2 times" in difference for difference in differences(play, warehouse))
    play.stage.taken.pop()
    play.record.struck.append(KILLED)


@pytest.mark.parametrize(
    ("task", "point", "may_double"),
    [
        ("send_owed", Point("mail", 6), True),
        ("send_owed", None, False),
        ("load_orders", Point("db", 9), False),
    ],
)
def test_a_restart_of_postgresql_excuses_a_second_copy_only_while_a_task_sends(
    task: str, point: Point | None, may_double: bool
) -> None:
    fault = Fault("postgresql restart", 1, "", task, point, {"hard": True})
    assert KINDS[fault.kind].may_double_mails(fault) is may_double


def test_a_mail_for_a_lapse_that_never_was_and_one_that_is_missing_are_found(play: Play, warehouse: Connection) -> None:
    lapses = play.record.lapses
    kept, lapses["maple"] = lapses["maple"], []
    assert any("owed are 0 to 0" in difference for difference in differences(play, warehouse))
    lapses["maple"] = kept
    lapses["harbour"] = [Lapse(kept[0].since_utc, kept[0].refused_utc)]
    assert any("got 0 mails reconnect" in difference for difference in differences(play, warehouse))
    lapses["harbour"] = []


def test_data_that_were_late_without_a_word_are_found(play: Play, warehouse: Connection) -> None:
    play.record.late["harbour"] += 1
    assert any("late by our clock" in difference for difference in differences(play, warehouse))
    play.record.late["harbour"] -= 1


def test_a_point_that_was_reached_holds_a_real_process_which_is_killed(play: Play, warehouse: Connection) -> None:
    killed = [text for text in play.scheduler.log if "load_orders" in text and "ended killed" in text]
    assert len(killed) == 1
