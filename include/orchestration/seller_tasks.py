"""The bodies of the seller's tasks: read the Connection, call the domain, return counts.

Only ids, counts and instants leave here for XCom; never a token, an order or a buyer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from include.authorization.credentials import ApplicationCredentials, SellerCredentials
from include.authorization.fingerprint import fingerprint
from include.authorization.seller_client import open_seller_client
from include.authorization.status import read_authorization, record_good, remember_account
from include.authorization.validate import validate_authorization
from include.clock import format_utc, utc_now
from include.errors import AccessDeniedError, SellerOrdersError, SettingsError
from include.log_context import of_seller, of_stretch
from include.notifications.recovery import connected, loaded
from include.orchestration import metrics
from include.orchestration.coming_back import PATIENCE_IN_TASK_S, coming_back
from include.orchestration.connections import application_credentials, seller_credentials
from include.orchestration.unfinished_consents import finish_consents
from include.orders.extract import extract_orders
from include.orders.load import load_orders
from include.orders.personal_files import personal_files
from include.orders.requests import log_preview, read_request
from include.orders.retention import delete_old_pages
from include.sellers.registry import DAG_ID_PREFIX, Seller, load_sellers, require_seller
from include.settings import Settings, load_settings
from include.spapi.client import SellingPartnerClient
from include.spapi.quota import QuotaBuckets
from include.warehouse.connection import Connection, connect, warehouse_errors


def validate(seller_id: str) -> dict[str, Any]:
    """Prove that Amazon still lets us ask for this seller.

    Returns:
        `participating` and `absent`: country codes of the configured marketplaces.

    Raises:
        SettingsError: The seller's entry or Connection is wrong, or personal data are wanted without a key.
        SellerOrdersError: As `validate_authorization` says.
    """
    settings = load_settings()
    seller = require_seller(settings.sellers_file, seller_id)
    personal_files(seller, settings)
    with (
        of_seller(seller_id),
        connect(settings.warehouse_dsn) as connection,
        warehouse_errors(),
        coming_back(seller_id),
    ):
        finish_consents(connection, settings, seller_id=seller_id)
        # Known before the token is read: what fails or succeeds late, after a renewal, must not count for it.
        generation = read_authorization(connection, seller_id).generation
        with _noting(generation):
            application, credentials = _credentials(seller)
            client = _client(seller, application, credentials, settings, connection)
            token = fingerprint(credentials.refresh_token, settings.secret_key)
            try:
                validation = validate_authorization(seller, client)
            except AccessDeniedError as denied:
                # The token itself was accepted: it counts, and the denial is its own. Orders do not flow yet, though.
                noted = record_good(connection, seller, token, now_utc=utc_now(), generation=generation, denied=True)
                denied.generation = noted.generation if noted.token_fingerprint == token else generation
                raise
        connected(connection, seller, token, now_utc=utc_now(), generation=generation)
        remember_account(
            connection,
            seller_id,
            selling_partner_id=credentials.selling_partner_id,
            marketplace_ids=validation.marketplace_ids,
            store_names=validation.store_names,
        )
    return {"participating": list(validation.participating), "absent": list(validation.absent)}


def extract(seller_id: str, *, run_id: str, begun_utc: datetime | None, params: dict[str, Any]) -> dict[str, Any]:
    """Land what changed at Amazon since the watermark, or what `params` ask for; wait for quota without a worker.

    Args:
        seller_id: Whose orders.
        run_id: The run, which a requested stretch is known by.
        begun_utc: When the run began.
        params: The run's `from_utc` and `to_utc`, texts or None.

    Returns:
        `pages` and `orders` landed by this run, whether there is `more`, and with what `conf` the next run goes on.

    Raises:
        SellerOrdersError: As `extract_orders` says.
    """
    settings = load_settings()
    seller = require_seller(settings.sellers_file, seller_id)
    # Later visits of the run must understand the same stretch.
    request = read_request(run_id, params, now_utc=begun_utc or utc_now())
    with (
        of_seller(seller_id),
        connect(settings.warehouse_dsn) as connection,
        warehouse_errors(),
        coming_back(seller_id),
        metrics.counting_landed(connection, seller_id, utc_now),
        _noting(read_authorization(connection, seller_id).generation),
    ):
        client = _client(seller, *_credentials(seller), settings, connection)
        if request:
            with of_stretch(request.from_utc, request.to_utc):
                log_preview(connection, seller, client, request)
        result = extract_orders(
            seller,
            client=client,
            connection=connection,
            settings=settings,
            now=utc_now,
            begun_utc=begun_utc,
            request=request,
        )
    conf = {}
    if request:
        conf = {
            "from_utc": format_utc(request.from_utc),
            "to_utc": format_utc(request.to_utc),
            "request_id": request.run_id,
        }
    return {"pages": result.pages, "orders": result.orders, "more": result.more, "conf": conf}


def load(seller_id: str) -> dict[str, Any]:
    """Load what has landed, and delete landed pages past their time.

    Returns:
        `rows` (orders written), `items`, `rejected`, `late_finds`, and `watermark` (UTC text, None before the first
        load).

    Raises:
        SellerOrdersError: As `load_orders` says.
    """
    settings = load_settings()
    with of_seller(seller_id), connect(settings.warehouse_dsn) as connection, warehouse_errors():
        entries = load_sellers(settings.sellers_file, dag_id=DAG_ID_PREFIX + seller_id)
        seller = next((entry for entry in entries if isinstance(entry, Seller)), None)
        result = load_orders(
            connection, seller_id, seller=seller, settings=settings, tell=partial(metrics.loaded, seller_id)
        )
        delete_old_pages(connection, seller_id, days=settings.raw_retention_days, now=utc_now)
        if seller:
            loaded(connection, seller, now_utc=utc_now())
    watermark = format_utc(result.complete_through_utc) if result.complete_through_utc else None
    return {
        "rows": result.orders,
        "items": result.items,
        "rejected": result.rejected,
        "late_finds": result.late_finds,
        "watermark": watermark,
    }


@contextmanager
def _noting(generation: int) -> Iterator[None]:
    """Let every error tell which of the seller's authorizations it happened under."""
    try:
        yield
    except SellerOrdersError as error:
        if error.generation is None:
            error.generation = generation
        raise


def _credentials(seller: Seller) -> tuple[ApplicationCredentials, SellerCredentials]:
    application, credentials = application_credentials(), seller_credentials(seller.connection_id)
    if credentials.region != seller.region:
        raise SettingsError(
            f"Seller {seller.seller_id}: region is {seller.region} in sellers.yaml, but {credentials.region} in the "
            f"Connection {seller.connection_id}.",
            remedy="Make both the same; an authorization is good for one region.",
        )
    return application, credentials


def _client(
    seller: Seller,
    application: ApplicationCredentials,
    credentials: SellerCredentials,
    settings: Settings,
    connection: Connection,
) -> SellingPartnerClient:
    quota = QuotaBuckets(
        connection,
        client_id=application.client_id,
        seller_id=seller.seller_id,
        rate_scale=settings.rate_scale,
        now=utc_now,
    )
    return open_seller_client(
        application, credentials, settings=settings, now=utc_now, quota=quota, patience_s=PATIENCE_IN_TASK_S
    )
