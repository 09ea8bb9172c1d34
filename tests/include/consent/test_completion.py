"""From a code to an authorization that is stored, told of and used; nothing is lost on the way, nothing done twice."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from include.authorization import consent_state
from include.authorization.consent_state import Purpose
from include.authorization.lwa import exchange_refresh_token
from include.authorization.status import Status, remember_account
from include.clock import utc_now
from include.consent import completion
from include.consent.completion import Outcome, confirm, discard, finish, finish_all, keep_pasted, receive
from include.errors import SettingsError, TransportError
from include.notifications.meanings import APPLICATION, CONSENT_TO_CONFIRM
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


def test_an_edited_account_in_the_address_waits_for_an_operator_and_leaves_the_connection_alone(desk):
    desk.consent()
    consent, code = desk.come_back(account_of="other")
    consent = replace(consent, selling_partner_id=desk.standing().selling_partner_id)
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
    assert {dag_id for dag_id, run_id in desk.airflow.runs if run_id == result.run_id} == {
        "amazon_orders__acme",
        "amazon_orders__other",
        "authorization_watch",
    }


def test_a_connection_that_names_another_account_is_confirmed_first(desk):
    desk.airflow.logins["amazon_seller_acme"] = "A0ANOTHER"
    assert desk.consent().outcome is Outcome.CONFIRMING


def test_from_seller_central_the_seller_is_found_by_its_account(desk):
    desk.consent()
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
    assert desk.open_classes() == [APPLICATION]


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
    ("after", "left", "is_finished"),
    [
        ("exchange_code", "returned", False),
        ("seal", "returned", False),
        ("probe", "kept", True),
        ("renewed", "kept", True),
        ("_store", "stored", True),
        ("_start_runs", "done", True),
    ],
)
def test_a_process_killed_after_any_step_leaves_what_the_next_one_finishes(
    desk, warehouse_dsn, monkeypatch, after, left, is_finished
):
    consent, code = desk.come_back()
    child = os.fork()
    if not child:
        real = getattr(completion, after)

        def deadly(*arguments, **keywords):
            real(*arguments, **keywords)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(completion, after, deadly)
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
