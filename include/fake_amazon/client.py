"""The control API's Python client, for tests and the demonstration; standard library only."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from include.fake_amazon.client_trouble import TroubleClient
from include.fake_amazon.client_wire import FakeAmazonError, instant_text, shop_path

__all__ = ["ApplicationCredentials", "Authorization", "FakeAmazonClient", "FakeAmazonError"]

_POLL_S = 0.05


class ApplicationCredentials(NamedTuple):
    """What an application needs to ask for tokens."""

    client_id: str
    client_secret: str
    application_id: str


class Authorization(NamedTuple):
    """What a seller's consent gives an application."""

    refresh_token: str
    selling_partner_id: str


class FakeAmazonClient(TroubleClient):
    """Speaks to a running fake Amazon; what makes it misbehave is told in `TroubleClient`.

    Args:
        base_url: Its address, such as `http://127.0.0.1:8650`.
    """

    @property
    def lwa_token_url(self) -> str:
        """The token endpoint of Login with Amazon."""
        return f"{self.base_url}/auth/o2/token"

    def spapi_endpoint(self, region: str) -> str:
        """The Selling Partner API's base address of a region: eu, na or fe."""
        return f"{self.base_url}/{region}"

    @property
    def seller_central_url(self) -> str:
        """Seller Central, another site than the rest, for browsers."""
        return f"http://sellercentral.localhost:{urlsplit(self.base_url).port}"

    def health(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.ask("GET", "/health")["status"] == "ok")
        except FakeAmazonError:
            return False

    def wait_until_ready(self, timeout_s: float = 10.0) -> None:
        """Wait until it answers.

        Raises:
            FakeAmazonError: It does not within this time.
        """
        deadline_s = time.monotonic() + timeout_s
        while not self.health():
            if time.monotonic() > deadline_s:
                raise FakeAmazonError(f"No fake Amazon answers at {self.base_url} within {timeout_s:g} s.")
            time.sleep(_POLL_S)

    def clock(self) -> datetime:
        """What time it is there, UTC."""
        return datetime.fromisoformat(self.ask("GET", "/control/clock")["now_utc"])

    def set_clock(self, instant: datetime | None, *, frozen: bool = False) -> None:
        """Set its clock to an instant, from which it runs on unless frozen; None returns to the machine's time."""
        self.ask("PUT", "/control/clock", {"instant_utc": instant_text(instant), "frozen": frozen})

    def application(self) -> ApplicationCredentials:
        """The credentials of the one application it knows."""
        return ApplicationCredentials(**self.ask("GET", "/control/application"))

    def register_application(
        self,
        redirect_uris: Sequence[str] = (),
        login_uri: str = "",
        name: str = "Seller Orders",
        is_draft: bool = False,
    ) -> None:
        """Enter what Seller Central has to know about the application: where it sends sellers, what they call it."""
        body = {"redirect_uris": list(redirect_uris), "login_uri": login_uri, "name": name, "is_draft": is_draft}
        self.ask("PUT", "/control/application", {"change": "register_application", **body})

    def shops(self) -> list[dict[str, Any]]:
        """Every shop with the fields of its description, and `authorized`."""
        return list(self.ask("GET", "/control/shops"))

    def ensure_shop(self, shop_id: str, region: str, marketplaces: Sequence[str], **fields: object) -> dict[str, Any]:
        """Make a shop, or give an existing one these marketplaces (and region, store_name).

        Args:
            shop_id: The product's seller id.
            region: eu, na or fe.
            marketplaces: Country codes.
            fields: More of a new shop's description: selling_partner_id, store_name, opened (ISO date),
                orders_per_day, launch_orders, language, b2b_share.

        Returns:
            The shop's description.
        """
        body = {"shop_id": shop_id, "region": region, "marketplaces": list(marketplaces), **fields}
        return dict(self.ask("POST", "/control/shops", body))

    def authorize(self, shop_id: str) -> Authorization:
        """Let the seller consent; the same token until it is revoked or 365 days old, then another one."""
        return Authorization(**self.ask("POST", shop_path(shop_id, "authorize")))

    def foreign_refresh_token(self, shop_id: str) -> str:
        """A refresh token which this seller gave to another application."""
        return str(self.ask("POST", shop_path(shop_id, "foreign-token"))["refresh_token"])

    def revoke(self, shop_id: str) -> None:
        """Let the seller take the consent back."""
        self.ask("POST", shop_path(shop_id, "revoke"))

    def expire_access_tokens(self, shop_id: str | None = None) -> None:
        """Make every access token issued so far an expired one, of this shop or of all."""
        self.ask("POST", "/control/expire-access-tokens", {"shop_id": shop_id})

    def add_orders(self, shop_id: str, orders: Iterable[Mapping[str, Any] | str]) -> int:
        """Add orders as Amazon would show them, each a mapping or JSON text; later versions of known ids too.

        Returns:
            How many were added.
        """
        texts = [order if isinstance(order, str) else json.dumps(order, ensure_ascii=False) for order in orders]
        body = f'{{"orders": [{",".join(texts)}]}}'
        return int(self.send("POST", shop_path(shop_id, "orders"), body.encode())["added"])

    def update_order(
        self,
        shop_id: str,
        order_id: str,
        changes: Mapping[str, Any] | None = None,
        *,
        order: Mapping[str, Any] | None = None,
        at_utc: datetime | None = None,
    ) -> None:
        """Change an order as of an instant, past ones too; what would have happened to it later no longer does.

        Args:
            shop_id: The shop.
            order_id: An order that exists at that instant.
            changes: A JSON merge patch: null removes, objects merge, everything else replaces.
            order: Instead of `changes`, the whole order.
            at_utc: When it changes; None means now. It becomes the order's lastUpdatedTime. An instant that somebody
                has already read past rewrites what they read.
        """
        body = (
            {"at_utc": instant_text(at_utc), "changes": changes}
            if order is None
            else {"at_utc": instant_text(at_utc), "order": order}
        )
        self.ask("POST", shop_path(shop_id, "orders", order_id, "update"), body)

    def cancel_order(self, shop_id: str, order_id: str, at_utc: datetime | None = None) -> None:
        """Cancel an order as of an instant; None means now. Its proceeds become zero."""
        self.ask("POST", shop_path(shop_id, "orders", order_id, "cancel"), {"at_utc": instant_text(at_utc)})

    def truth(self, shop_id: str, as_of_utc: datetime, since_utc: datetime | None = None) -> dict[str, Any]:
        """The orders last updated from `since_utc` to `as_of_utc`, both included, in their state as of the latter.

        Returns:
            `{"orders": [{"order_id", "last_updated_utc", "fulfillment_status", "grand_total_amount", "currency_code",
            "breakdowns", "packages", "items": [{"order_item_id", "quantity_ordered", "proceeds_total_amount",
            "currency_code", "breakdowns", "promotion_ids"}]}]}`; amounts are decimal texts or None, instants
            ISO 8601 with Z. Sorted by last update, then id.

            `breakdowns` are rows of four, with None for what the document does not say: of an order `[type, status,
            amount, currency]`, of an item `[type, subtype, amount, currency]`, where each breakdown, its subtype
            None, is followed by its detailed ones. `packages` are reference ids. All are in the document's sequence.
            Orders broken on purpose are left out.
        """
        query = {"as_of_utc": instant_text(as_of_utc)} | ({"since_utc": instant_text(since_utc)} if since_utc else {})
        return dict(self.ask("GET", f"{shop_path(shop_id, 'truth')}?{urlencode(query)}"))

    def calls(self) -> dict[tuple[str, str, int], int]:
        """How often was called: (operation, shop id, status) -> count.

        Operations are searchOrders, getMarketplaceParticipations, unknown, lwa.refresh_token, lwa.authorization_code,
        lwa.client_credentials, lwa.unknown; the shop is "" where the caller was not let in as a seller. The
        status is 0 where the connection was closed without an answer.
        """
        rows = self.ask("GET", "/control/calls")
        return {(row["operation"], row["shop_id"], row["status"]): row["count"] for row in rows}

    def reset_calls(self) -> None:
        """Begin counting anew."""
        self.ask("DELETE", "/control/calls")
