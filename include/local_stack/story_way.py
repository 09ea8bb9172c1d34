"""The second half of the story: what a seller misses while away, and the way back through Amazon's page."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

from include.errors import ContractError, SellerOrdersError
from include.local_stack.runs import FINISHED
from include.local_stack.stack import AIRFLOW_PATIENCE_S, Stack
from include.local_stack.story_browser import Browser, Page
from include.local_stack.waiting import wait_until
from include.sellers.registry import Seller
from include.warehouse.connection import connect

NEW, CHANGED, CANCELLED = 5, 3, 2
RUN_ID_PREFIX = "reconnected__"
AUTHORIZATION_WATCH = "authorization_watch"


class StoryError(SellerOrdersError):
    """Raised when a step of the story did not come out as it should."""


def make_gap(stack: Stack, seller: Seller) -> int:
    """Let orders of a seller come, change and be cancelled; returns how many."""
    amazon = stack.amazon
    if amazon is None:
        raise StoryError("The fake Amazon is needed.")
    # After all that was read, and long enough ago that the next run reads it: the last two minutes never are.
    at_utc = _watermark(stack, seller) + timedelta(seconds=10)
    known = amazon.truth(seller.seller_id, as_of_utc=at_utc)["orders"]
    open_ids = [order["order_id"] for order in known if order["fulfillment_status"] not in ("CANCELLED", "SHIPPED")]
    ids = (open_ids + [order["order_id"] for order in known if order["order_id"] not in open_ids])[
        : CHANGED + CANCELLED
    ]
    for order_id in ids[:CHANGED]:
        amazon.update_order(seller.seller_id, order_id, {"programs": ["PRIME"]}, at_utc=at_utc)
    for order_id in ids[CHANGED:]:
        amazon.cancel_order(seller.seller_id, order_id, at_utc=at_utc)
    model = _a_landed_order(stack, seller)
    amazon.add_orders(seller.seller_id, [_another(model, number, at_utc) for number in range(NEW)])
    return NEW + len(ids)


class SellersWay:
    """What a seller does in a browser, and what follows.

    Args:
        stack: The running stack.
        seller: Whose link it is.
        link: The link of the mail.
    """

    def __init__(self, stack: Stack, seller: Seller, link: str) -> None:
        self._stack = stack
        self._seller = seller
        self._link = link
        self._confirmed_utc = datetime.now(UTC)

    def open(self, words: str) -> Page:
        """Open the link, and see these words."""
        return _shows(Browser().open(self._link), words)

    def go(self, account: Seller, words: str) -> Page:
        """Press the button, sign in with an account, tick, confirm, and see these words at the end."""
        browser = Browser()
        start = browser.open(self._link)
        on = browser.send(start, start.forms[0])
        sign_in = browser.open(next(link for link in on.links if "/apps/authorize/consent" in link))
        consent = browser.send(sign_in, sign_in.forms[-1], account=self._account_of(account))
        form = consent.forms[-1]
        name, value = form.buttons["confirm"]
        self._confirmed_utc = datetime.now(UTC)
        return _shows(browser.send(consent, form, agree="on", **{name: value}), words)

    def wait_for_run(self) -> str:
        """Wait until the run that the consent started has ended well; returns its id."""
        with connect(self._stack.loader_dsn) as connection:
            row = connection.execute(
                "SELECT consent_id FROM ops.consent WHERE seller_id = %s AND step IN ('stored', 'done')"
                " ORDER BY consent_id DESC LIMIT 1",
                (self._seller.seller_id,),
            ).fetchone()
        if row is None:
            raise StoryError("it should be that the consent is stored.")
        run_id = f"{RUN_ID_PREFIX}{row[0]}"
        for dag_id in (self._seller.dag_id, AUTHORIZATION_WATCH):
            if not wait_until(partial(self._has_ended, dag_id, run_id), AIRFLOW_PATIENCE_S):
                raise StoryError(f"it should be that the run {run_id} of {dag_id} ends.")
        state = self._state(self._seller.dag_id, run_id)
        if state != "success":
            raise StoryError(f"it should be that the run {run_id} succeeds, but it is {state}.")
        return run_id

    def seconds_to_end_of(self, run_id: str) -> float:
        """Seconds from Confirm to the end of a run."""
        ended = datetime.fromisoformat(self._stack.airflow.run(self._seller.dag_id, run_id)["end_date"])
        return (ended - self._confirmed_utc).total_seconds()

    def _has_ended(self, dag_id: str, run_id: str) -> bool:
        return self._state(dag_id, run_id) in FINISHED

    def _state(self, dag_id: str, run_id: str) -> str:
        self._stack.supervisor.check()
        try:
            return str(self._stack.airflow.run(dag_id, run_id)["state"])
        except ContractError:
            return ""

    def _account_of(self, seller: Seller) -> str:
        shops = self._stack.amazon.shops() if self._stack.amazon else []
        return str(next(shop["selling_partner_id"] for shop in shops if shop["shop_id"] == seller.seller_id))


def _shows(page: Page, words: str) -> Page:
    if words not in page.html:
        raise StoryError(f"it should be that the page says „{words}“.")
    return page


def _watermark(stack: Stack, seller: Seller) -> datetime:
    with connect(stack.loader_dsn) as connection:
        row = connection.execute(
            "SELECT complete_through_utc FROM ops.watermark WHERE seller_id = %s", (seller.seller_id,)
        ).fetchone()
    if row is None:
        raise StoryError("it should be that the seller's orders were loaded.")
    return cast("datetime", row[0])


def _a_landed_order(stack: Stack, seller: Seller) -> dict[str, Any]:
    for name, content in _landed(stack):
        if seller.seller_id in name and name.endswith(".json.gz"):
            orders = json.loads(gzip.decompress(content)).get("orders", [])
            if orders:
                return dict(orders[0])
    raise StoryError("it should be that a page of the seller has landed.")


def _landed(stack: Stack) -> Iterator[tuple[str, bytes]]:
    if stack.aws:
        yield from stack.aws.pages()
        return
    for path in sorted((stack.settings.run_dir / "raw").rglob("*.json.gz")):
        yield str(path), path.read_bytes()


def _another(model: dict[str, Any], number: int, at_utc: datetime) -> dict[str, Any]:
    text = at_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    order_id = f"999-{random.randrange(10**7):07d}-{number:07d}"  # noqa: S311 - nothing secret about it
    return {**model, "orderId": order_id, "createdTime": text, "lastUpdatedTime": text}
