"""The bodies of the seller's tasks: read the Connection, call the domain, return counts.

Only ids, counts and instants leave here for XCom; never a token, an order or a buyer.
"""

from __future__ import annotations

from typing import Any

from include.authorization.seller_client import open_seller_client
from include.authorization.validate import validate_authorization
from include.clock import format_utc, utc_now
from include.errors import SettingsError
from include.orchestration.connections import application_credentials, seller_credentials
from include.orders.extract import extract_orders
from include.orders.load import load_orders
from include.sellers.registry import Seller, require_seller
from include.settings import load_settings
from include.spapi.client import SellingPartnerClient
from include.warehouse.connection import connect


def validate(seller_id: str) -> dict[str, Any]:
    """Prove that Amazon still lets us ask for this seller.

    Returns:
        `participating` and `absent`: country codes of the configured marketplaces.

    Raises:
        SettingsError: The seller's entry or Connection is wrong.
        SellerOrdersError: As `validate_authorization` says.
    """
    seller = require_seller(load_settings().sellers_file, seller_id)
    validation = validate_authorization(seller, _client(seller))
    return {"participating": list(validation.participating), "absent": list(validation.absent)}


def extract(seller_id: str) -> dict[str, int]:
    """Land what changed at Amazon since the watermark.

    Returns:
        `pages` and `orders` landed.

    Raises:
        SellerOrdersError: As `extract_orders` says.
    """
    settings = load_settings()
    seller = require_seller(settings.sellers_file, seller_id)
    with connect(settings.warehouse_dsn) as connection:
        result = extract_orders(seller, client=_client(seller), connection=connection, settings=settings, now=utc_now)
    return {"pages": result.pages, "orders": result.orders}


def load(seller_id: str) -> dict[str, Any]:
    """Load what has landed.

    Returns:
        `rows` (orders written), `items`, and `watermark` (UTC text, None before the first load).

    Raises:
        SellerOrdersError: As `load_orders` says.
    """
    with connect(load_settings().warehouse_dsn) as connection:
        result = load_orders(connection, seller_id)
    watermark = format_utc(result.complete_through_utc) if result.complete_through_utc else None
    return {"rows": result.orders, "items": result.items, "watermark": watermark}


def _client(seller: Seller) -> SellingPartnerClient:
    credentials = seller_credentials(seller.connection_id)
    if credentials.region != seller.region:
        raise SettingsError(
            f"Seller {seller.seller_id}: region is {seller.region} in sellers.yaml, but {credentials.region} in the "
            f"Connection {seller.connection_id}.",
            remedy="Make both the same; an authorization is good for one region.",
        )
    return open_seller_client(application_credentials(), credentials, settings=load_settings(), now=utc_now)
