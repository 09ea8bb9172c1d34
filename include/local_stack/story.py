"""`make story`: an authorization lapses and nobody digs in logs, played without a person on a stack of its own.

Each step is printed with its seconds and checked; the first that is not as it should be ends the story.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import requests

from include.local_stack.connections import create_absent_connections, create_absent_mail_connection
from include.local_stack.mail_client import SunkMail
from include.local_stack.progress import Progress
from include.local_stack.run_folder import STORY, claim, clean
from include.local_stack.runs import RunOutcome, paused_sellers, run_sellers
from include.local_stack.stack import Stack, running_stack
from include.local_stack.story_aws import check_pages, check_tokens
from include.local_stack.story_way import SellersWay, StoryError, make_gap
from include.local_stack.truth import Comparison, compare_with_truth
from include.local_stack.waiting import wait_until
from include.sellers.registry import Seller, load_sellers
from include.settings import StackSettings, load_settings
from include.warehouse.connection import connect

VALIDATE, NOTIFY = "validate_authorization", "notify_reconnect"
MAIL_PATIENCE_S = 60.0
PAGE_TIMEOUT_S = 10.0
# A good run asks Login with Amazon once in validate and once in extract.
CALLS_A_RUN = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """What the story measures.

    Attributes:
        revoked_to_mail_s: From the start of the failed task to the mail in the sink.
        lwa_calls_while_revoked: Token requests because of the revoked seller, its control included, of both nights.
        mails_to_seller: Mails to the revoked seller's contacts.
        other_sellers_ok: Whether all others loaded in every night.
        consent_to_loaded_s: From Confirm at Amazon to the end of the run that it started.
        gap_orders: Orders that were new or changed while the authorization was away.
        gap_equal: Whether the seller's tables are as the fake Amazon's truth after it.
    """

    revoked_to_mail_s: float
    lwa_calls_while_revoked: int
    mails_to_seller: int
    other_sellers_ok: bool
    consent_to_loaded_s: float
    gap_orders: int
    gap_equal: bool


def play(settings: StackSettings, *, aws: bool = False) -> int:
    """Play it on an empty stack in the folder `story` of the run folder, and write `story.json` beside it.

    Args:
        settings: Ports and folders.
        aws: Whether pages, mails, Connections and tokens are kept at AWS, which moto plays.

    Returns:
        0 where every step was as it should be, else 1.
    """
    progress = Progress()
    claim(settings.run_dir)
    folder = settings.run_dir / STORY
    clean(folder)
    product = load_settings({**os.environ, "RATE_SCALE": ""})
    sellers = [entry for entry in load_sellers(product.sellers_file) if isinstance(entry, Seller)]
    progress.say("Seller Orders: the story of a lapsed authorization" + ", with everything at AWS" * aws)
    with running_stack(replace(settings, run_dir=folder, fake_amazon=True, aws=aws), product, progress) as stack:
        try:
            figures = _Story(stack, sellers, progress).play()
        except StoryError as wrong:
            progress.say(f"\nNot as it should be: {wrong}")
            return 1
    result = settings.run_dir / "story.json"
    shown = {name: getattr(figures, name) for name in Figures.__slots__}
    result.write_text(json.dumps(shown, indent=2) + "\n", encoding="utf-8")
    progress.say(f"\nThe story is told. {result}: {json.dumps(shown)}")
    return 0


class _Story:
    def __init__(self, stack: Stack, sellers: Sequence[Seller], progress: Progress) -> None:
        if stack.amazon is None:
            raise StoryError("The fake Amazon is needed.")
        self.stack = stack
        self.amazon = stack.amazon
        self.sellers = sellers
        self.progress = progress
        self.revoked = next((s for s in sellers if s.language == "de" and s.authorization == "public"), sellers[0])
        self.others_ok = True
        self.nights = 0

    def play(self) -> Figures:
        with self.progress.step("Connections of all sellers, mails into the sink"):
            if not self.stack.aws:
                create_absent_mail_connection(self.stack.airflow, self.stack.settings.smtp_port)
            create_absent_connections(self.stack.aws or self.stack.airflow, self.amazon, self.sellers)
            _check(not paused_sellers(self.stack, self.sellers), "no DAG is paused")
        self._step("Night one: every seller loads", self._night_one)
        self._step(f"{self.revoked.name} revokes the application", lambda: self.amazon.revoke(self.revoked.seller_id))
        calls_before = self._lwa_calls()
        started = self._step("Night two: it fails in validate_authorization, classified", self._failing_night)
        mail = self._step("One mail is in the sink, with a link that opens", self._the_mail)
        self._step("Night three: it fails again", self._failing_night)
        self._step("No second mail", lambda: self._mails(len(self.revoked.contacts)))
        self._step("The status is Anbindung erneuern, with Amazon's own words", self._status)
        calls = self._lwa_calls() - calls_before
        gap = self._step("Meanwhile orders come, change and are cancelled", lambda: make_gap(self.stack, self.revoked))
        way = SellersWay(self.stack, self.revoked, _link_of(mail))
        other = next(s for s in self.sellers if s.region == self.revoked.region and s != self.revoked)
        self._step(
            "The link, with another shop's account: nothing changes", lambda: way.go(other, "anderes Amazon-Konto")
        )
        self._step(
            "The link, signed in, ticked, confirmed, and back", lambda: way.go(self.revoked, "Die Anbindung steht")
        )
        run_id = self._step("The run starts by itself and fills the gap", way.wait_for_run)
        seconds = way.seconds_to_end_of(run_id)
        comparison = self._step("The tables are as at Amazon", self._compare)
        mails = self._step(
            "One closing mail, and the error is gone", lambda: self._mails(2 * len(self.revoked.contacts))
        )
        self._step("The old link says that all is done", lambda: way.open("bereits aktiv"))
        if aws := self.stack.aws:
            self._step("Every page is one object of the bucket alone", lambda: check_pages(self.stack, aws))
            self._step("The tokens are secrets at AWS alone", lambda: check_tokens(self.stack, aws, self.revoked))
        return Figures(
            revoked_to_mail_s=round((mail.received_utc - started).total_seconds(), 1),
            lwa_calls_while_revoked=calls,
            mails_to_seller=len(mails),
            other_sellers_ok=self.others_ok,
            consent_to_loaded_s=round(seconds, 1),
            gap_orders=gap,
            gap_equal=bool(comparison.equal),
        )

    def _compare(self) -> Comparison:
        with connect(self.stack.loader_dsn) as connection:
            comparison = compare_with_truth(connection, self.amazon, self.revoked.seller_id)
            row = connection.execute(
                "SELECT status FROM ops.seller_authorization WHERE seller_id = %s", (self.revoked.seller_id,)
            ).fetchone()
            still_open = connection.execute(
                "SELECT count(*) FROM ops.incident WHERE closed_utc IS NULL AND seller_id = %s",
                (self.revoked.seller_id,),
            ).fetchone()
        _check(comparison.equal is True, "the seller's tables are as at Amazon")
        _check(row == ("connected",) and still_open == (0,), f"the seller is connected and the error gone, but {row}")
        return comparison

    def _step(self, title: str, act: Callable[[], Any]) -> Any:
        with self.progress.step(title):
            return act()

    def _night(self) -> dict[str, RunOutcome]:
        self.nights += 1
        outcomes = {o.seller.seller_id: o for o in run_sellers(self.stack, self.sellers, self.progress)}
        bad = [o.seller.seller_id for o in outcomes.values() if o.state != "success" and o.seller != self.revoked]
        self.others_ok = self.others_ok and not bad
        _check(not bad, f"the other sellers load, but {', '.join(bad)} did not")
        return outcomes

    def _night_one(self) -> None:
        outcome = self._night()[self.revoked.seller_id]
        _check(outcome.state == "success", f"{self.revoked.seller_id} loads, but it failed in {outcome.failed_task}")

    def _failing_night(self) -> datetime:
        outcome = self._night()[self.revoked.seller_id]
        _check((outcome.state, outcome.failed_task) == ("failed", VALIDATE), f"{VALIDATE} fails, but: {outcome}")
        dag_id, run_id = self.revoked.dag_id, outcome.run_id
        failure = self.stack.airflow.xcom(dag_id, run_id, VALIDATE, "failure")
        _check(failure["error_class"] == "ReauthorizationRequiredError", f"it is classified, but as {failure}")
        states = self.stack.airflow.task_states(dag_id, run_id)
        _check(states[NOTIFY] == "success", f"{NOTIFY} ran, but is {states[NOTIFY]}")
        return self.stack.airflow.task_started_utc(dag_id, run_id, VALIDATE)

    def _mails(self, count: int) -> list[SunkMail]:
        found: list[SunkMail] = []

        def there() -> bool:
            found[:] = [m for m in self.stack.mails.mails() if set(m.to) & set(self.revoked.contacts)]
            return len(found) >= count

        wait_until(there, MAIL_PATIENCE_S)
        _check(len(found) == count, f"{count} mail to {self.revoked.name}, but there are {len(found)}")
        return found

    def _the_mail(self) -> SunkMail:
        mail = self._mails(len(self.revoked.contacts))[0]
        _check(self.revoked.name in mail.subject, "the subject names the shop")
        page = requests.get(_link_of(mail), timeout=PAGE_TIMEOUT_S)
        _check(
            page.ok and self.revoked.name in page.text, f"the link opens the shop's page, but: HTTP {page.status_code}"
        )
        return mail

    def _status(self) -> None:
        with connect(self.stack.loader_dsn) as connection:
            row = connection.execute(
                "SELECT status, amazon_said FROM ops.seller_authorization WHERE seller_id = %s",
                (self.revoked.seller_id,),
            ).fetchone()
        status, said = row or ("", "")
        _check(status == "reauthorization_required", f"the status is reauthorization_required, but {status}")
        _check("invalid grant parameter" in str(said), "Amazon's words are kept")

    def _lwa_calls(self) -> int:
        """Token requests of the revoked seller, and those of the others beyond what their own runs need."""
        calls = {"own": 0, "others": 0}
        for (operation, shop_id, _), count in self.amazon.calls().items():
            if operation == "lwa.refresh_token":
                calls["own" if shop_id == self.revoked.seller_id else "others"] += count
        needed = CALLS_A_RUN * (len(self.sellers) - 1) * self.nights
        return calls["own"] + calls["others"] - needed


def _link_of(mail: SunkMail) -> str:
    links = set(re.findall(r'href="(http[^"]+)"', mail.html))
    _check(len(links) == 1, f"the mail has one link, but: {len(links)}")
    return str(links.pop())


def _check(is_so: bool, what: str) -> None:
    if not is_so:
        raise StoryError(f"it should be that {what}.")
