"""`make forget`: a seller's personal data, or one order's, deleted at once, with a protocol of it."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator

from include.authorization.status import read_authorizations
from include.clock import Now, format_utc
from include.errors import SettingsError
from include.orders.forgetting import forget_order, forget_seller
from include.orders.reading import ORDER_ID
from include.orders.removal import has_orders_or_windows
from include.sellers.registry import Seller, load_sellers
from include.settings import Settings
from include.warehouse.connection import Connection


def forget(
    connection: Connection, seller_id: str, settings: Settings, *, order_id: str = "", requested_by: str = "", now: Now
) -> Iterator[str]:
    """Delete the personal data of a seller, or of one of its orders; it waits for no run to end.

    Args:
        connection: The warehouse.
        seller_id: Our name of the seller.
        settings: Where files lie, and the sellers' file.
        order_id: Amazon's id of one order; "" for all.
        requested_by: A login or a ticket's number, for the protocol; "" for who is logged in here.
        now: Tells the time.

    Yields:
        The protocol, a sentence a line.

    Raises:
        SettingsError: Nothing is known of such a seller, the order's id is none, or a file waits and there is no key.
        SellerOrdersError: The store refused it; say it again.
    """
    sellers = _sellers(settings)
    if not re.fullmatch(r"[a-z0-9_]{1,40}", seller_id) or not (
        seller_id in sellers
        or seller_id in read_authorizations(connection)
        or has_orders_or_windows(connection, seller_id)
    ):
        raise SettingsError(
            f"Nothing is known of a seller {seller_id[:40]!r}.", remedy=f"The ids stand in {settings.sellers_file}."
        )
    who = requested_by or getpass.getuser()
    if order_id:
        if not ORDER_ID.fullmatch(order_id):
            raise SettingsError("ORDER is no order id of Amazon's; expected one like 303-1234567-1234567.")
        done = forget_order(connection, seller_id, order_id, settings, requested_by=who, now=now)
    else:
        done = forget_seller(connection, seller_id, settings, reason="forget", requested_by=who, now=now)
    what = f"order {order_id}" if order_id else "all orders placed so far"
    yield f"{seller_id}, {what}: deleted {done}."
    yield f"{format_utc(done.deleted_utc)}, asked for by {who}; no. {done.deletion_no} of ops.personal_data_deletion."
    yield "What Amazon tells of them again is not kept. Backups are yours to delete: docs/runbook.md."
    seller = sellers.get(seller_id)
    if seller and seller.personal_data and not order_id:
        yield f"Of orders placed from now on they are kept: {settings.sellers_file} says personal_data: yes."


def _sellers(settings: Settings) -> dict[str, Seller]:
    try:
        entries = load_sellers(settings.sellers_file)
    except SettingsError:
        # A spoilt file must not stand between somebody and being forgotten.
        return {}
    return {entry.seller_id: entry for entry in entries if isinstance(entry, Seller)}
