"""How each change acts on the world: checked first, so that a refused change leaves no trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from include.fake_amazon.cancellation import cancelled
from include.fake_amazon.changes import (
    AddBrokenOrder,
    AddOrders,
    Authorize,
    CancelOrder,
    Change,
    ChangeError,
    ClientSecretExpiry,
    Consented,
    EnsureShop,
    ExpireAccessTokens,
    RegisterApplication,
    Revoke,
    UpdateOrder,
)
from include.fake_amazon.documents import OrderDocument, merged, raw
from include.fake_amazon.instants import format_instant
from include.fake_amazon.order_files import OrderError, read_order
from include.fake_amazon.shops import ShopsError, make_shop

if TYPE_CHECKING:
    from include.fake_amazon.versions import OrderVersion
    from include.fake_amazon.world import World

# What a shop may change after it has opened without rewriting what it has sold.
_CHANGEABLE = frozenset({"store_name", "region", "marketplaces"})


def apply(world: World, change: Change) -> None:
    """Let a change happen.

    Raises:
        ChangeError: It makes no sense; the world is as before.
    """
    match change:
        case EnsureShop():
            _ensure_shop(world, change)
        case Authorize():
            _authorize(world, change)
        case Consented():
            state = world.shop(change.shop_id)
            state.generation += 1
            state.authorized_utc = change.at_utc
        case RegisterApplication():
            world.registered = change
        case Revoke():
            world.shop(change.shop_id).authorized_utc = None
        case ExpireAccessTokens():
            states = [world.shop(change.shop_id)] if change.shop_id else list(world.shops.values())
            for state in states:
                state.access_generation += 1
        case ClientSecretExpiry():
            world.client_secret_expired = change.expired
        case AddOrders():
            _add_orders(world, change)
        case UpdateOrder():
            _update_order(world, change)
        case CancelOrder():
            _cancel_order(world, change)
        case AddBrokenOrder():
            _add_broken_order(world, change)


def _ensure_shop(world: World, change: EnsureShop) -> None:
    known = world.shops.get(str(change.fields.get("shop_id")))
    fields = msgspec.to_builtins(known.shop) if known else {}
    try:
        shop = make_shop({**fields, **change.fields})
    except ShopsError as error:
        raise ChangeError(str(error)) from error
    if known is None:
        world.open_shop(shop)
        return
    for field in shop.__struct_fields__:
        if field not in _CHANGEABLE and getattr(shop, field) != getattr(known.shop, field):
            raise ChangeError(f"Shop {shop.shop_id!r} is open already; its {field} cannot change any more.")
    # Its generator keeps the marketplaces it began with: what has been sold does not move to another country.
    known.shop = shop


def _authorize(world: World, change: Authorize) -> None:
    state = world.shop(change.shop_id)
    if not state.is_authorized(change.at_utc):
        state.generation += 1
        state.authorized_utc = change.at_utc


def _add_orders(world: World, change: AddOrders) -> None:
    state = world.shop(change.shop_id)
    versions = []
    for place, order in enumerate(change.orders):
        try:
            versions.append(read_order(order))
        except OrderError as error:
            raise ChangeError(f"orders[{place}]: {error}.") from error
    world.add_versions(state, versions)


def _state_before(world: World, change: UpdateOrder | CancelOrder) -> OrderVersion:
    version = world.shop(change.shop_id).book.order_as_of(change.order_id, change.at_utc)
    if version is None:
        at = format_instant(change.at_utc)
        raise ChangeError(f"Shop {change.shop_id!r} has no order {change.order_id!r} at {at}.")
    return version


def _update_order(world: World, change: UpdateOrder) -> None:
    before = _state_before(world, change)
    text = change.changes if change.full else merged(raw(before.document().fields), change.changes)
    _supersede(world, change, text)


def _cancel_order(world: World, change: CancelOrder) -> None:
    document: OrderDocument = cancelled(_state_before(world, change).document(), change.reason)
    _supersede(world, change, raw(document.fields))


def _add_broken_order(world: World, change: AddBrokenOrder) -> None:
    state = world.shop(change.shop_id)
    if change.marketplace_id is not None and change.marketplace_id not in state.marketplace_ids:
        raise ChangeError(f"Shop {change.shop_id!r} does not sell in the marketplace {change.marketplace_id!r}.")
    try:
        state.book.add_broken(change.document, change.at_utc, change.marketplace_id)
    except ValueError as error:
        raise ChangeError(f"The broken order is no JSON: {error}.") from error


def _supersede(world: World, change: UpdateOrder | CancelOrder, text: msgspec.Raw) -> None:
    try:
        # An update is known by its time, whatever the given text says.
        stamped = merged(text, raw({"lastUpdatedTime": format_instant(change.at_utc)}))
        version = read_order(stamped)
    except (OrderError, msgspec.DecodeError) as error:
        raise ChangeError(f"The changed order {error}.") from error
    if version.order_id != change.order_id:
        raise ChangeError(f"The changed order has another id, {version.order_id!r}.")
    world.shop(change.shop_id).book.supersede(version)
