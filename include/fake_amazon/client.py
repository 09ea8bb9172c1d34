"""The control API's Python client, for tests and the demonstration; standard library only."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

_TIMEOUT_S = 30.0
_POLL_S = 0.05
# A proxy of the environment has no business between two processes of one machine.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class FakeAmazonError(RuntimeError):
    """The fake Amazon refused a wish, in its own words, or is not there."""


class ApplicationCredentials(NamedTuple):
    """What an application needs to ask for tokens."""

    client_id: str
    client_secret: str
    application_id: str


class Authorization(NamedTuple):
    """What a seller's consent gives an application."""

    refresh_token: str
    selling_partner_id: str


class FakeAmazonClient:
    """Speaks to a running fake Amazon.

    Args:
        base_url: Its address, such as `http://127.0.0.1:8650`.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")

    @property
    def lwa_token_url(self) -> str:
        """The token endpoint of Login with Amazon."""
        return f"{self.base_url}/auth/o2/token"

    def spapi_endpoint(self, region: str) -> str:
        """The Selling Partner API's base address of a region: eu, na or fe."""
        return f"{self.base_url}/{region}"

    def health(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._ask("GET", "/health")["status"] == "ok")
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
        return datetime.fromisoformat(self._ask("GET", "/control/clock")["now_utc"])

    def set_clock(self, instant: datetime | None, *, frozen: bool = False) -> None:
        """Set its clock to an instant, from which it runs on unless frozen; None returns to the machine's time."""
        self._ask("PUT", "/control/clock", {"instant_utc": _text(instant), "frozen": frozen})

    def application(self) -> ApplicationCredentials:
        """The credentials of the one application it knows."""
        return ApplicationCredentials(**self._ask("GET", "/control/application"))

    def shops(self) -> list[dict[str, Any]]:
        """Every shop with the fields of its description, and `authorized`."""
        return list(self._ask("GET", "/control/shops"))

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
        return dict(self._ask("POST", "/control/shops", body))

    def authorize(self, shop_id: str) -> Authorization:
        """Let the seller consent; the same token until it is revoked or 365 days old, then another one."""
        return Authorization(**self._ask("POST", _shop(shop_id, "authorize")))

    def foreign_refresh_token(self, shop_id: str) -> str:
        """A refresh token which this seller gave to another application."""
        return str(self._ask("POST", _shop(shop_id, "foreign-token"))["refresh_token"])

    def revoke(self, shop_id: str) -> None:
        """Let the seller take the consent back."""
        self._ask("POST", _shop(shop_id, "revoke"))

    def expire_access_tokens(self, shop_id: str | None = None) -> None:
        """Make every access token issued so far an expired one, of this shop or of all."""
        self._ask("POST", "/control/expire-access-tokens", {"shop_id": shop_id})

    def add_orders(self, shop_id: str, orders: Iterable[Mapping[str, Any] | str]) -> int:
        """Add orders as Amazon would show them, each a mapping or JSON text; later versions of known ids too.

        Returns:
            How many were added.
        """
        texts = [order if isinstance(order, str) else json.dumps(order, ensure_ascii=False) for order in orders]
        body = f'{{"orders": [{",".join(texts)}]}}'
        return int(self._send("POST", _shop(shop_id, "orders"), body.encode())["added"])

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
            {"at_utc": _text(at_utc), "changes": changes}
            if order is None
            else {"at_utc": _text(at_utc), "order": order}
        )
        self._ask("POST", _shop(shop_id, "orders", order_id, "update"), body)

    def cancel_order(self, shop_id: str, order_id: str, at_utc: datetime | None = None) -> None:
        """Cancel an order as of an instant; None means now. Its proceeds become zero."""
        self._ask("POST", _shop(shop_id, "orders", order_id, "cancel"), {"at_utc": _text(at_utc)})

    def truth(self, shop_id: str, as_of_utc: datetime, since_utc: datetime | None = None) -> dict[str, Any]:
        """The orders last updated from `since_utc` to `as_of_utc`, both included, in their state as of the latter.

        Returns:
            `{"orders": [{"order_id", "last_updated_utc", "grand_total_amount", "currency_code", "items":
            [{"order_item_id", "quantity_ordered", "proceeds_total_amount", "currency_code"}]}]}`; amounts are
            decimal texts or None, instants ISO 8601 with Z. Sorted by last update, then id.
        """
        query = {"as_of_utc": _text(as_of_utc)} | ({"since_utc": _text(since_utc)} if since_utc else {})
        return dict(self._ask("GET", f"{_shop(shop_id, 'truth')}?{urlencode(query)}"))

    def calls(self) -> dict[tuple[str, str, int], int]:
        """How often was called: (operation, shop id, status) -> count.

        Operations are searchOrders, getMarketplaceParticipations, unknown, lwa.refresh_token, lwa.authorization_code,
        lwa.client_credentials, lwa.unknown; the shop is "" where the request did not tell.
        """
        rows = self._ask("GET", "/control/calls")
        return {(row["operation"], row["shop_id"], row["status"]): row["count"] for row in rows}

    def reset_calls(self) -> None:
        """Begin counting anew."""
        self._ask("DELETE", "/control/calls")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        return self._send(method, path, None if body is None else json.dumps(body, ensure_ascii=False).encode())

    def _send(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.base_url + path, body, headers, method=method)  # noqa: S310 - own address
        try:
            with _open(request, timeout=_TIMEOUT_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise FakeAmazonError(_sentence(error.read()) or f"{method} {path}: status {error.code}") from error
        except OSError as error:
            raise FakeAmazonError(f"No fake Amazon answers at {self.base_url}: {error}.") from error


def _sentence(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return ""


def _shop(shop_id: str, *rest: str) -> str:
    return "/".join(["/control/shops", *(quote(part, safe="") for part in (shop_id, *rest))])


def _text(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise ValueError("An instant needs its time zone.")
    return instant.astimezone(UTC).isoformat()
