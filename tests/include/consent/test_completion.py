"""From a code to an authorization that is stored, told of and used; nothing is lost on the way, nothing done twice."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from include.authorization import consent_state
from include.authorization.consent_state import Purpose
from include.authorization.lwa import exchange_refresh_token
from include.authorization.status import Status, record_refused, remember_account
from include.clock import utc_now
from include.consent import completion, storing
from include.consent.completion import confirm, discard, finish, finish_all, keep_pasted, receive
from include.consent.outcome import Outcome
from include.errors import SettingsError, TransportError
from include.notifications.incidents import open_incident
from include.notifications.lookout import remind
from include.notifications.meanings import CONSENT_TO_CONFIRM, REFUSED
from include.operations.offboarding import offboard
from include.warehouse.connection import connect


def _accepted(desk, connection_id: str) -> bool:
    """Whether Amazon accepts what stands in a Connection."""
    exchange_refresh_token(
        desk.airflow.stored[connection_id][-1],
        desk.means.application,
        token_url=desk.means.settings.lwa_token_url,
        now=utc_now,
    )
    return True


def test_a_consent_renews_the_connection_the_status_and_the_orders(desk, year):
    result = desk.consent()
    assert (result.outcome, result.seller_ids, result.paused) == (Outcome.DONE, ("acme",), ())
    assert _accepted(desk, "amazon_seller_acme")
    known = desk.standing()
    assert (known.status, known.generation) == (Status.CONNECTED, 1)
    assert known.expires_utc == known.authorized_utc + year
    assert known.selling_partner_id == desk.airflow.logins["amazon_seller_acme"]
    run_id = f"reconnected__{result.consent_id}"
    assert desk.airflow.runs == [("amazon_orders__acme", run_id), ("authorization_watch", run_id)]
    assert desk.step(result.consent_id) == "done"


def test_repeating_what_is_done_does_nothing_twice(desk):
    result = desk.consent()
    again = finish(desk.warehouse, result.consent_id, desk.means)
    assert (again.outcome, len(desk.airflow.runs)) == (Outcome.DONE, 2)
    assert desk.standing().generation == 1


def test_the_token_rests_nowhere_in_clear_and_nowhere_at_all_once_it_is_stored(desk):
    desk.airflow.trouble = TransportError("away")
    result = desk.consent()
    kept = str(desk.warehouse.execute("SELECT * FROM ops.consent").fetchall())
    assert ("Atzr" in kept, desk.step(result.consent_id)) == (False, "kept")
    desk.airflow.trouble = None
    finish_all(desk.warehouse, desk.means)
    assert consent_state.read_consent(desk.warehouse, result.consent_id).sealed_token == ""


def test_another_account_changes_nothing(desk):
    desk.consent()
    before = desk.standing()
    result = desk.consent(account_of="other")
    assert (result.outcome, desk.standing()) == (Outcome.WRONG_ACCOUNT, before)
    assert len(desk.airflow.stored["amazon_seller_acme"]) == 1


def _edited(desk, consent):
    """As if the browser had brought acme's id in its address."""
    account = desk.standing().selling_partner_id
    query = "UPDATE ops.consent SET selling_partner_id = %s WHERE consent_id = %s"
    desk.warehouse.execute(query, (account, consent.consent_id))
    return replace(consent, selling_partner_id=account)


def test_an_edited_account_in_the_address_waits_for_an_operator_and_leaves_the_connection_alone(desk):
    desk.consent()
    consent, code = desk.come_back(account_of="other")
    consent = _edited(desk, consent)
    result = receive(desk.warehouse, consent, code, desk.means)
    assert (result.outcome, desk.open_classes()) == (Outcome.CONFIRMING, [CONSENT_TO_CONFIRM])
    assert len(desk.airflow.stored["amazon_seller_acme"]) == 1
    assert [waiting.consent_id for waiting in consent_state.waiting(desk.warehouse)] == [result.consent_id]
    discard(desk.warehouse, result.consent_id, desk.means, by="ops")
    assert (desk.step(result.consent_id), desk.open_classes()) == ("refused", [])


def test_what_an_operator_confirms_goes_on(desk):
    desk.consent()
    remember_account(
        desk.warehouse, "acme", selling_partner_id="", marketplace_ids=[], store_names=["Acme before its new name"]
    )
    result = desk.consent()
    assert result.outcome is Outcome.CONFIRMING
    assert confirm(desk.warehouse, result.consent_id, desk.means, by="ops").outcome is Outcome.DONE
    assert (desk.standing().generation, desk.open_classes()) == (2, [])
    assert desk.standing().store_names == ["Acme"]


def test_an_account_that_amazon_shows_nothing_of_is_confirmed_first_and_its_letter_promises_no_orders(desk):
    denial = b'{"errors":[{"code":"Unauthorized","message":"Access to requested resource is denied.","details":""}]}'
    desk.amazon.client.fail_next("getMarketplaceParticipations", status=403, body=denial, times=20)
    first = desk.consent()
    assert first.outcome is Outcome.CONFIRMING
    assert confirm(desk.warehouse, first.consent_id, desk.means, by="ops").outcome is Outcome.DONE
    facts = desk.warehouse.execute("SELECT facts FROM ops.outbox WHERE kind = 'reconnected'").fetchall()
    assert facts == [({"denied": True},)]


def test_an_account_that_another_entry_holds_is_confirmed_first_and_then_renews_both(desk):
    desk.consent()
    first = desk.consent("other", account_of="acme")
    assert first.outcome is Outcome.CONFIRMING
    result = confirm(desk.warehouse, first.consent_id, desk.means, by="ops")
    assert (result.outcome, set(result.seller_ids)) == (Outcome.DONE, {"acme", "other"})
    assert desk.airflow.stored["amazon_seller_other"][-1] == desk.airflow.stored["amazon_seller_acme"][-1]
    assert {dag_id for dag_id, run_id in desk.airflow.runs if run_id.endswith(f"__{result.consent_id}")} == {
        "amazon_orders__acme",
        "amazon_orders__other",
        "authorization_watch",
    }


def test_a_connection_that_names_another_account_is_confirmed_first(desk):
    desk.airflow.logins["amazon_seller_acme"] = "A0ANOTHER"
    assert desk.consent().outcome is Outcome.CONFIRMING


def test_from_seller_central_the_seller_is_found_by_its_account_and_proven_by_an_order(desk):
    desk.consent()
    desk.has_order()
    result = desk.consent("acme", purpose=Purpose.LOGIN)
    assert (result.outcome, result.seller_ids, desk.standing().generation) == (Outcome.DONE, ("acme",), 2)


def test_from_seller_central_an_account_that_nobody_knows_is_nobodys(desk):
    assert desk.consent("acme", purpose=Purpose.LOGIN).outcome is Outcome.UNKNOWN_ACCOUNT


def test_a_code_that_was_used_or_made_up_is_for_the_seller_to_begin_anew(desk):
    consent, code = desk.come_back()
    assert receive(desk.warehouse, consent, code, desk.means).outcome is Outcome.DONE
    later, _ = desk.come_back()
    assert receive(desk.warehouse, later, code, desk.means).outcome is Outcome.CODE_EXPIRED
    assert desk.standing().status is Status.CONNECTED


def test_login_with_amazon_being_away_is_said_and_costs_nothing(desk):
    consent, code = desk.come_back()
    desk.amazon.client.fail_next("lwa.authorization_code", status=503, times=1)
    assert receive(desk.warehouse, consent, code, desk.means).outcome is Outcome.AMAZON_AWAY
    assert desk.airflow.stored == {}


def test_a_refused_application_is_told_to_operators_and_not_blamed_on_the_seller(desk):
    consent, code = desk.come_back()
    desk.means = replace(desk.means, consent=replace(desk.means.consent, client_secret="wrong"))
    assert receive(desk.warehouse, consent, code, desk.means).outcome is Outcome.NOT_POSSIBLE
    assert desk.open_classes() == ["SettingsError"]
    told = str(desk.warehouse.execute("SELECT seller_id, facts FROM ops.incident").fetchall())
    assert "AMAZON_CLIENT_SECRET of the start page" in told
    assert "acme" in told


def test_a_probe_that_amazon_cannot_answer_keeps_the_token_until_it_can(desk):
    consent, code = desk.come_back()
    desk.amazon.client.fail_next("getMarketplaceParticipations", status=503, times=1)
    result = receive(desk.warehouse, consent, code, desk.means)
    assert (result.outcome, desk.standing().status) == (Outcome.VERIFYING, Status.VERIFYING)
    assert [r.outcome for r in finish_all(desk.warehouse, desk.means, seller_id="acme")] == [Outcome.DONE]
    assert desk.standing().status is Status.CONNECTED


def test_an_airflow_that_refuses_us_is_the_operators_business_and_loses_nothing(desk):
    desk.airflow.trouble = SettingsError("Airflow refuses the login of admin.")
    result = desk.consent()
    assert (result.outcome, desk.open_classes()) == (Outcome.VERIFYING, ["SettingsError"])
    desk.airflow.trouble = None
    assert [r.outcome for r in finish_all(desk.warehouse, desk.means)] == [Outcome.DONE]


def test_runs_that_could_not_be_started_are_started_later(desk):
    desk.airflow.no_runs = TransportError("away")
    result = desk.consent()
    assert (desk.step(result.consent_id), desk.airflow.runs) == ("stored", [])
    desk.airflow.no_runs = None
    assert [r.outcome for r in finish_all(desk.warehouse, desk.means)] == [Outcome.DONE]
    assert len(desk.airflow.runs) == 2


def test_a_paused_dag_is_said_to_be_paused_and_keeps_its_run(desk):
    desk.airflow.paused = {"amazon_orders__acme"}
    result = desk.consent()
    assert (result.outcome, result.paused) == (Outcome.DONE, ("amazon_orders__acme",))
    assert desk.warehouse.execute("SELECT facts FROM ops.outbox").fetchall() == [({"paused": True},)]


def test_an_older_token_does_not_replace_a_newer_one(desk):
    desk.airflow.trouble = TransportError("away")
    older = desk.consent()
    desk.airflow.trouble = None
    newer = desk.consent()
    finish_all(desk.warehouse, desk.means)
    assert (desk.step(older.consent_id), desk.step(newer.consent_id)) == ("refused", "done")
    assert _accepted(desk, "amazon_seller_acme")


def test_a_private_sellers_token_is_pasted_and_goes_the_same_way(desk):
    desk.sellers["acme"] = replace(desk.sellers["acme"], authorization="private")
    token = desk.amazon.client.authorize("acme").refresh_token
    result = keep_pasted(desk.warehouse, desk.sellers["acme"], f" {token}\n", desk.means, started_by="ops")
    assert (result.outcome, desk.airflow.stored["amazon_seller_acme"]) == (Outcome.DONE, [token])
    assert desk.warehouse.execute("SELECT count(*) FROM ops.outbox").fetchone() == (0,)


def test_two_who_finish_one_consent_at_once_store_it_once(desk, warehouse_dsn):
    desk.airflow.trouble = TransportError("away")
    result = desk.consent()
    desk.airflow.trouble = None

    def work(_: int) -> None:
        with connect(warehouse_dsn) as own:
            finish(own, result.consent_id, desk.means)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert (len(desk.airflow.stored["amazon_seller_acme"]), len(desk.airflow.runs)) == (1, 2)


@pytest.mark.parametrize(
    ("room", "after", "left", "is_finished"),
    [
        (completion, "exchange_code", "returned", False),
        (completion, "seal", "returned", False),
        (storing, "probe", "kept", True),
        (storing, "renewed", "kept", True),
        (completion, "store", "stored", True),
        (completion, "start_runs", "done", True),
    ],
)
def test_a_process_killed_after_any_step_leaves_what_the_next_one_finishes(
    desk, warehouse_dsn, monkeypatch, room, after, left, is_finished
):
    consent, code = desk.come_back()
    child = os.fork()
    if not child:
        real = getattr(room, after)

        def deadly(*arguments, **keywords):
            real(*arguments, **keywords)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(room, after, deadly)
        try:
            receive(connect(warehouse_dsn), consent, code, desk.means)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert desk.step(consent.consent_id) == left
    finish_all(desk.warehouse, desk.means)
    assert (desk.standing().generation == 1) is is_finished
    if not is_finished:
        assert desk.consent().outcome is Outcome.DONE
        assert _accepted(desk, "amazon_seller_acme")


def test_of_two_consents_at_once_the_one_given_later_stays_whoever_is_first(desk, warehouse_dsn, monkeypatch):
    """The first is held up between its probe and its Connection; the second overtakes it."""
    consent, code = desk.come_back()
    real, overtaken = storing.doubts, []

    def doubts_and_wait(*arguments):
        if not overtaken:
            overtaken.append(True)
            with connect(warehouse_dsn) as own:
                later, its_code = desk.come_back()
                assert receive(own, later, its_code, desk.means).outcome is Outcome.DONE
        return real(*arguments)

    monkeypatch.setattr(storing, "doubts", doubts_and_wait)
    receive(desk.warehouse, consent, code, desk.means)
    assert (desk.step(consent.consent_id), desk.standing().generation) == ("refused", 1)
    assert _accepted(desk, "amazon_seller_acme")


def test_an_authorization_given_later_replaces_one_that_was_stored_first(desk):
    earlier = desk.consent()
    desk.warehouse.execute("UPDATE ops.seller_authorization SET generation = 7, token_fingerprint = 'x:y'")
    later, code = desk.come_back()
    assert receive(desk.warehouse, later, code, desk.means).outcome is Outcome.DONE
    assert (earlier.outcome, _accepted(desk, "amazon_seller_acme")) == (Outcome.DONE, True)


def test_a_seller_let_go_in_the_middle_of_a_consent_stays_gone(desk, monkeypatch):
    real = storing.doubts

    def let_go(connection, *others):
        list(offboard(connection, "acme", desk.means, delete_data=True))
        return real(connection, *others)

    monkeypatch.setattr(storing, "doubts", let_go)
    assert desk.consent().outcome is Outcome.UNKNOWN_ACCOUNT
    assert desk.airflow.stored == {}
    for table in ("seller_authorization", "consent", "outbox"):
        assert desk.warehouse.execute(f"SELECT count(*) FROM ops.{table}").fetchone() == (0,), table


def test_a_changed_secret_key_ends_what_waited_and_disturbs_nobody(desk):
    desk.airflow.trouble = TransportError("away")
    waiting = desk.consent()
    desk.airflow.trouble = None
    desk.means = replace(desk.means, settings=replace(desk.means.settings, secret_key="another long random text"))
    assert desk.consent().outcome is Outcome.DONE
    finish_all(desk.warehouse, desk.means)
    assert (desk.step(waiting.consent_id), desk.standing().status) == ("refused", Status.CONNECTED)
    assert (desk.open_classes(), consent_state.unfinished(desk.warehouse)) == ([], [])


def _change_the_key(desk, *, keep_old: bool) -> None:
    old = desk.means.settings.secret_key
    changed = {"secret_key": "another long random text", "old_secret_keys": (old,) if keep_old else ()}
    desk.means = replace(desk.means, settings=replace(desk.means.settings, **changed))


def test_what_waited_under_the_old_key_is_finished_where_that_is_still_known(desk):
    desk.airflow.trouble = TransportError("away")
    waiting = desk.consent()
    desk.airflow.trouble = None
    _change_the_key(desk, keep_old=True)
    assert [result.outcome for result in finish_all(desk.warehouse, desk.means)] == [Outcome.DONE]
    assert (desk.step(waiting.consent_id), _accepted(desk, "amazon_seller_acme")) == ("done", True)


@pytest.mark.parametrize("keep_old", [False, True])
def test_a_changed_secret_key_accuses_no_other_entry_of_having_this_token(desk, keep_old: bool):
    assert desk.consent("other").outcome is Outcome.DONE
    _change_the_key(desk, keep_old=keep_old)
    assert desk.consent().outcome is Outcome.DONE


def test_one_private_token_for_two_entries_is_confirmed_first_after_a_change_of_the_key_too(desk):
    for seller_id in ("acme", "other"):
        desk.sellers[seller_id] = replace(desk.sellers[seller_id], authorization="private")
    token = desk.amazon.client.authorize("acme").refresh_token
    keep_pasted(desk.warehouse, desk.sellers["acme"], token, desk.means, started_by="ops")
    _change_the_key(desk, keep_old=True)
    second = keep_pasted(desk.warehouse, desk.sellers["other"], token, desk.means, started_by="ops")
    assert second.outcome is Outcome.CONFIRMING


def test_a_renewal_that_waits_leaves_a_good_status_alone(desk):
    desk.consent()
    desk.airflow.trouble = TransportError("away")
    assert desk.consent().outcome is Outcome.VERIFYING
    assert desk.standing().status is Status.CONNECTED


def test_what_waits_for_three_days_is_given_up_and_says_why(desk):
    desk.airflow.trouble = SettingsError("Airflow refuses the login of admin.")
    result = desk.consent()
    desk.means = replace(desk.means, now=lambda: utc_now() + timedelta(days=3, minutes=1))
    assert [r.outcome for r in finish_all(desk.warehouse, desk.means)] == [Outcome.NOT_POSSIBLE]
    consent = consent_state.read_consent(desk.warehouse, result.consent_id)
    assert (consent.step, consent.sealed_token) == ("refused", "")
    assert "refuses the login" in consent.trouble


def test_a_pasted_token_of_another_application_is_refused_at_once(desk):
    desk.sellers["acme"] = replace(desk.sellers["acme"], authorization="private")
    token = desk.amazon.client.foreign_refresh_token("acme")
    result = keep_pasted(desk.warehouse, desk.sellers["acme"], token, desk.means, started_by="ops")
    assert (result.outcome, desk.airflow.stored) == (Outcome.NOT_POSSIBLE, {})
    assert consent_state.unfinished(desk.warehouse) == []


def test_a_doubt_names_every_reason_and_everybody_whom_it_would_be_stored_for(desk):
    desk.consent()
    consent, code = desk.come_back("other", account_of="third")
    consent = _edited(desk, consent)
    assert receive(desk.warehouse, consent, code, desk.means).outcome is Outcome.CONFIRMING
    (waiting,) = consent_state.waiting(desk.warehouse)
    assert "acme: The shop was called “Acme”; this account's is called “Third”." in waiting.trouble
    assert "other: The entry acme holds this account already." in waiting.trouble
    assert "Confirming stores it for acme, other." in waiting.trouble


def test_a_lapsed_seller_whose_consent_is_discarded_is_asked_once_more_and_not_reminded_before(desk):
    desk.consent()
    incident, _ = open_incident(desk.warehouse, "acme", REFUSED, now_utc=utc_now() - timedelta(days=4))
    record_refused(desk.warehouse, "acme", Status.REAUTHORIZATION_REQUIRED, "expired", now_utc=utc_now())
    consent, code = desk.come_back(account_of="other")
    consent = _edited(desk, consent)
    result = receive(desk.warehouse, consent, code, desk.means)
    assert result.outcome is Outcome.CONFIRMING
    remind(desk.warehouse, desk.sellers, desk.means.notifications, now_utc=utc_now())
    assert _owed(desk, incident) == []
    discard(desk.warehouse, result.consent_id, desk.means, by="ops")
    assert _owed(desk, incident) == [f"reconnect_{result.consent_id}"]


def _owed(desk, incident) -> list[str]:
    query = "SELECT kind FROM ops.outbox WHERE incident_id = %s AND audience = 'seller'"
    return [row[0] for row in desk.warehouse.execute(query, (incident.incident_id,))]


def test_what_operators_were_asked_stays_open_while_another_consent_waits(desk):
    desk.consent()
    results = []
    for _ in range(2):
        consent, code = desk.come_back(account_of="other")
        consent = _edited(desk, consent)
        results.append(receive(desk.warehouse, consent, code, desk.means))
    discard(desk.warehouse, results[0].consent_id, desk.means, by="ops")
    assert desk.open_classes() == [CONSENT_TO_CONFIRM]
    discard(desk.warehouse, results[1].consent_id, desk.means, by="ops")
    assert desk.open_classes() == []


def test_from_seller_central_nobody_takes_a_shop_over_by_its_name_and_its_id(desk):
    desk.consent()
    desk.has_order()
    before = desk.airflow.stored["amazon_seller_acme"][-1]
    for shop in ("other", "twin"):
        consent, code = desk.come_back("acme", account_of=shop, purpose=Purpose.LOGIN)
        consent = _edited(desk, consent)
        assert receive(desk.warehouse, consent, code, desk.means).outcome is Outcome.CONFIRMING, shop
    assert desk.airflow.stored["amazon_seller_acme"][-1] == before
    said = [waiting.trouble for waiting in consent_state.waiting(desk.warehouse)]
    assert all("does not show this account the seller's newest order" in trouble for trouble in said)


def test_from_seller_central_a_shop_without_an_order_is_an_operators_to_confirm(desk):
    desk.consent()
    assert desk.consent("acme", purpose=Purpose.LOGIN).outcome is Outcome.CONFIRMING


def test_a_shop_that_was_renamed_is_proven_by_its_order(desk):
    desk.consent()
    desk.has_order()
    remember_account(desk.warehouse, "acme", selling_partner_id="", marketplace_ids=[], store_names=["Before"])
    assert desk.consent().outcome is Outcome.DONE


def test_an_account_without_any_name_is_not_taken_for_one_that_has_one(desk):
    desk.consent()
    consent, code = desk.come_back(account_of="nameless")
    consent = _edited(desk, consent)
    assert receive(desk.warehouse, consent, code, desk.means).outcome is Outcome.CONFIRMING


def test_an_account_of_an_entry_that_is_unusable_just_now_is_still_that_entrys(desk):
    desk.consent()
    entry = desk.sellers.pop("acme")
    consent, code = desk.come_back("other", account_of="acme")
    assert receive(desk.warehouse, consent, code, desk.means).outcome is Outcome.CONFIRMING
    desk.sellers["acme"] = entry


def test_one_private_token_for_two_entries_is_confirmed_first(desk):
    for seller_id in ("acme", "other"):
        desk.sellers[seller_id] = replace(desk.sellers[seller_id], authorization="private")
    token = desk.amazon.client.authorize("acme").refresh_token
    outcomes = [
        keep_pasted(desk.warehouse, desk.sellers[one], token, desk.means, started_by="ops").outcome
        for one in ("acme", "other")
    ]
    assert outcomes == [Outcome.DONE, Outcome.CONFIRMING]


def test_a_stranger_whose_account_cannot_be_asked_changes_nobodys_status(desk):
    desk.consent()
    record_refused(desk.warehouse, "acme", Status.REAUTHORIZATION_REQUIRED, "expired", now_utc=utc_now())
    consent, code = desk.come_back("acme", account_of="other", purpose=Purpose.LOGIN)
    consent = _edited(desk, consent)
    desk.amazon.client.fail_next("getMarketplaceParticipations", status=429, times=5)
    assert receive(desk.warehouse, consent, code, desk.means).outcome is Outcome.VERIFYING
    assert desk.standing().status is Status.REAUTHORIZATION_REQUIRED


def test_a_dag_that_airflow_does_not_know_yet_keeps_nobody_elses_run_back(desk):
    desk.airflow.absent = {"amazon_orders__acme"}
    result = desk.consent()
    assert (result.outcome, [dag_id for dag_id, _ in desk.airflow.runs]) == (Outcome.DONE, ["authorization_watch"])


def test_of_two_operators_one_confirms_and_the_other_discards_the_first_counts(desk):
    desk.consent()
    consent, code = desk.come_back(account_of="other")
    result = receive(desk.warehouse, _edited(desk, consent), code, desk.means)
    assert confirm(desk.warehouse, result.consent_id, desk.means, by="one").outcome is Outcome.DONE
    discard(desk.warehouse, result.consent_id, desk.means, by="two")
    assert desk.step(result.consent_id) == "done"


def test_what_strangers_leave_behind_is_forgotten_after_a_day(desk):
    desk.consent("acme", account_of="other", purpose=Purpose.LOGIN)
    consent_state.forget_unfinished(desk.warehouse, now_utc=utc_now() + timedelta(days=1, minutes=1))
    assert desk.warehouse.execute("SELECT count(*) FROM ops.consent").fetchone() == (0,)
