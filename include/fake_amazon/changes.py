"""What the control API can change, as values: each is applied to the world and kept in its journal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw


class ChangeError(ValueError):
    """A change makes no sense in this world; the message is one sentence for the person who asked."""


class EnsureShop(msgspec.Struct, frozen=True, tag="ensure_shop", tag_field="change"):
    """Make a shop, or give an existing one these marketplaces.

    Attributes:
        fields: Fields of `shops.Shop`; the shop_id is one of them.
    """

    fields: dict[str, Any]


class Authorize(msgspec.Struct, frozen=True, tag="authorize", tag_field="change"):
    """A seller consents; nothing changes while an earlier consent is good."""

    shop_id: str
    at_utc: datetime


class Consented(msgspec.Struct, frozen=True, tag="consented", tag_field="change"):
    """A seller confirms on the consent page: a new authorization, also where an earlier one is good."""

    shop_id: str
    at_utc: datetime


class RegisterApplication(msgspec.Struct, frozen=True, tag="register_application", tag_field="change"):
    """What a developer enters in Seller Central about the application.

    Attributes:
        redirect_uris: Where consents may send browsers back to; the first counts where none is asked for.
        login_uri: Where Re-Authorize sends sellers.
        name: What sellers call it.
        is_draft: Whether the consent page wants `version=beta`.
    """

    redirect_uris: tuple[str, ...] = ()
    login_uri: str = ""
    name: str = "Seller Orders"
    is_draft: bool = False


class Revoke(msgspec.Struct, frozen=True, tag="revoke", tag_field="change"):
    """A seller takes the consent back."""

    shop_id: str


class ExpireAccessTokens(msgspec.Struct, frozen=True, tag="expire_access_tokens", tag_field="change"):
    """Every access token issued so far is as good as an hour old; of one shop, or of all."""

    shop_id: str | None = None


class ClientSecretExpiry(msgspec.Struct, frozen=True, tag="client_secret_expiry", tag_field="change"):
    """The application's client secret is past its 180 days, or good again."""

    expired: bool


class AddOrders(msgspec.Struct, frozen=True, tag="add_orders", tag_field="change"):
    """Orders, or further versions of orders, appear as given."""

    shop_id: str
    orders: list[Raw]


class UpdateOrder(msgspec.Struct, frozen=True, tag="update_order", tag_field="change"):
    """An order changes as of an instant.

    Attributes:
        changes: A JSON merge patch, or with `full` the whole order.
    """

    shop_id: str
    order_id: str
    changes: Raw
    at_utc: datetime
    full: bool = False


class CancelOrder(msgspec.Struct, frozen=True, tag="cancel_order", tag_field="change"):
    """An order is cancelled as of an instant."""

    shop_id: str
    order_id: str
    at_utc: datetime
    reason: str = "Cancelled on request"


class AddBrokenOrder(msgspec.Struct, frozen=True, tag="add_broken_order", tag_field="change"):
    """A value appears among the orders that is none, or a bad one.

    Attributes:
        document: The JSON text of any value; a text, because half a character is no valid JSON for msgspec.
        at_utc: The time of its creation and last update.
        marketplace_id: Where it belongs; None means everywhere.
    """

    shop_id: str
    document: str
    at_utc: datetime
    marketplace_id: str | None = None


Change = (
    EnsureShop
    | Authorize
    | Consented
    | RegisterApplication
    | Revoke
    | ExpireAccessTokens
    | ClientSecretExpiry
    | AddOrders
    | UpdateOrder
    | CancelOrder
    | AddBrokenOrder
)
