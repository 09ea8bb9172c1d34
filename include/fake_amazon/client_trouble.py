"""The part of the control API's client that makes this Amazon misbehave."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime

from include.fake_amazon.client_wire import Wire, instant_text, shop_path


class TroubleClient(Wire):
    """Asks for faults and other trouble."""

    def fail_next(
        self,
        operation: str,
        *,
        times: int = 1,
        shop_id: str | None = None,
        status: int | None = None,
        body: bytes = b"",
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        latency_s: float = 0.0,
        drop: bool = False,
        cut_off: bool = False,
    ) -> None:
        """Spoil the next answers of an operation; faults of one operation come in the order they were asked for.

        They are not kept over a restart. `include.fake_amazon.literal` names the answers that are on record.

        Args:
            operation: As in `calls`.
            times: How many answers.
            shop_id: Whose calls; None means everybody's.
            status: 200 to 599. With it the answer is this one, whatever was asked and by whom; the call costs a
                token of the usage plan, and 429 empties the bucket. Without it the operation's own answer is sent.
            body: The body of that answer.
            content_type: Its content type; "" sends none.
            headers: Further headers of that answer.
            latency_s: Seconds for which the answer is held back; other calls are answered meanwhile.
            drop: The call has its effect, but its connection is closed without an answer; it is counted with
                status 0.
            cut_off: The headers promise the whole body, half of it is sent, then the connection is closed.

        Raises:
            FakeAmazonError: Such a fault makes no sense.
        """
        fault = {
            "operation": operation,
            "times": times,
            "shop_id": shop_id,
            "status": status,
            "body": base64.b64encode(body).decode(),
            "content_type": content_type,
            "headers": dict(headers or {}),
            "latency_s": latency_s,
            "drop": drop,
            "cut_off": cut_off,
        }
        self.ask("POST", "/control/faults", fault)

    def faults(self) -> dict[tuple[str, str | None], int]:
        """How many faults are still to come: (operation, shop id or None) -> count."""
        return {(row["operation"], row["shop_id"]): row["count"] for row in self.ask("GET", "/control/faults")}

    def clear_faults(self) -> None:
        """Forget the faults still to come."""
        self.ask("DELETE", "/control/faults")

    def expire_client_secret(self) -> None:
        """Let the application's client secret be past its 180 days.

        Login with Amazon then refuses the application, and the Selling Partner API every call, also with an access
        token that is not an hour old. A second call changes nothing.
        """
        self.ask("PUT", "/control/client-secret", {"change": "client_secret_expiry", "expired": True})

    def renew_client_secret(self) -> None:
        """Make the client secret good again: the same one, so that nobody has to be told a new one."""
        self.ask("PUT", "/control/client-secret", {"change": "client_secret_expiry", "expired": False})

    def set_page_order(self, shop_id: str, *, repeat: int = 0, shuffled: bool = False) -> None:
        """Let the pages of a shop follow each other as users complain about; without arguments in good order again.

        All pages together still show every order of the frozen window. Not kept over a restart.

        Args:
            shop_id: The shop.
            repeat: Every page but the first begins with so many orders of the page before, 0 to 99, but always has
                room for a new one.
            shuffled: The orders come in an order that has nothing to do with time; a pagination token from before
                the change is refused.
        """
        self.ask("PUT", shop_path(shop_id, "page-order"), {"repeat": repeat, "shuffled": shuffled})

    def add_broken_order(
        self, shop_id: str, document: object, *, at_utc: datetime, marketplace_id: str | None = None
    ) -> None:
        """Let searchOrders show any JSON value among the orders, whatever includedData says.

        `truth` never lists it, and it can be neither updated nor cancelled.

        Args:
            shop_id: The shop.
            document: The value; bytes are its JSON text, for what Python cannot say, such as a number of 30 digits.
            at_utc: The time of its creation and last update, which decides its place.
            marketplace_id: One of the shop's marketplaces; None means that it passes that filter, as it passes no
                filter of status or fulfillment channel.
        """
        text = document.decode() if isinstance(document, bytes) else json.dumps(document)
        body = {"document": text, "at_utc": instant_text(at_utc), "marketplace_id": marketplace_id}
        self.ask("POST", shop_path(shop_id, "broken-orders"), body)

    def set_usage_plan(self, shop_id: str, operation: str, *, rate_per_s: float, burst: int | None = None) -> None:
        """Give a seller another usage plan, as Amazon does for busy ones. Not kept over a restart.

        Args:
            shop_id: The shop.
            operation: Amazon's name of it, such as searchOrders.
            rate_per_s: Tokens a second as documented, to be multiplied by the fake's rate scale.
            burst: How many tokens the bucket holds; None means as many as before.
        """
        body = {"rate_per_s": rate_per_s, "burst": burst}
        self.ask("PUT", shop_path(shop_id, "usage-plans", operation), body)

    def set_reports(self, *, generation_s: float | None = None, fatal_text: str | None = None) -> None:
        """Say how reports come about. Not kept over a restart.

        Args:
            generation_s: Seconds until one is done, to be divided by the fake's rate scale; 60 to begin with.
            fatal_text: Let the next one that is asked for end as FATAL, with this document.
        """
        self.ask("PUT", "/control/reports", {"generation_s": generation_s, "fatal_text": fatal_text})

    def set_bucket(self, shop_id: str, operation: str, tokens: float) -> None:
        """Leave a seller so many tokens for an operation; more than the burst do not fit."""
        self.ask("PUT", shop_path(shop_id, "buckets", operation), {"tokens": tokens})
