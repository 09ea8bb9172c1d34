"""Whose token is this: what Amazon shows of an account, compared with what is known of the seller's.

An order of the seller's is the proof: Amazon shows it to no other account. Where there is none yet, name, marketplaces
and what is stored must agree, and a person looks wherever they do not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from include.authorization.consent_state import Consent, Purpose
from include.authorization.credentials import SellerCredentials
from include.authorization.seller_client import open_seller_client
from include.authorization.status import Authorization, read_authorizations
from include.authorization.validate import validate_authorization
from include.consent.means import Means
from include.errors import AccessDeniedError
from include.orders.known import newest_order_id
from include.sellers.registry import Seller
from include.spapi.client import SellingPartnerClient
from include.spapi.orders import get_order
from include.spapi.quota import UncountedQuota
from include.warehouse.connection import Connection


@dataclass(frozen=True, slots=True)
class Account:
    """An account as Amazon shows it.

    Attributes:
        selling_partner_id: As the browser brought it; "" for a pasted token.
        marketplace_ids: Where it takes part.
        store_names: What its shops are called.
        denied: Amazon's words where it shows nothing although it accepts the token, "" else.
    """

    selling_partner_id: str
    marketplace_ids: tuple[str, ...] = ()
    store_names: tuple[str, ...] = ()
    denied: str = ""


def client_of(seller: Seller, refresh_token: str, means: Means) -> SellingPartnerClient:
    """Open a door with a token that is not stored; nobody waits there for a throttled Amazon."""
    return open_seller_client(
        means.application,
        SellerCredentials(refresh_token, "", seller.region),
        settings=means.settings,
        now=means.now,
        quota=UncountedQuota(),
        patience_s=0,
    )


def probe(seller: Seller, client: SellingPartnerClient, selling_partner_id: str) -> Account:
    """Ask Amazon about the account of a token.

    Raises:
        SellerOrdersError: As `validate_authorization` says, but for a 403, which comes back as `denied`.
    """
    try:
        seen = validate_authorization(seller, client)
    except AccessDeniedError as denial:
        return Account(selling_partner_id, denied=denial.amazon_said or "HTTP 403")
    return Account(selling_partner_id, seen.marketplace_ids, seen.store_names)


def proofs(connection: Connection, entries: Sequence[Seller], client: SellingPartnerClient) -> dict[str, bool]:
    """Ask Amazon for one order of each entry; who holds none yet, or is shown no orders at all, is left out.

    Returns:
        By seller, whether the account knows the seller's newest order.

    Raises:
        SellerOrdersError: As `SellingPartnerClient.get` says, but for a 403.
    """
    found = {}
    for entry in entries:
        order_id = newest_order_id(connection, entry.seller_id)
        if order_id is None:
            continue
        try:
            found[entry.seller_id] = get_order(client, order_id, ()) is not None
        except AccessDeniedError:
            continue
    return found


def doubts(
    connection: Connection,
    consent: Consent,
    entries: Sequence[Seller],
    account: Account,
    proven: Mapping[str, bool],
    means: Means,
) -> str:
    """Say why an operator should look before an account's token is used, and for whom; "" where all fits.

    Args:
        connection: The warehouse.
        consent: How the account came here.
        entries: Everybody whose Connection would get the token.
        account: As Amazon shows it.
        proven: As `proofs` returned it.
        means: The sellers, and what is stored.
    """
    if account.denied:
        reasons = [f"Amazon accepts the token but shows nothing of the account ({account.denied})."]
    else:
        known = read_authorizations(connection)
        reasons = [
            f"{entry.seller_id}: {why}"
            for entry in entries
            if not proven.get(entry.seller_id)
            for why in _doubts_of(known, consent, entry, account, proven, means)
        ]
    if not reasons:
        return ""
    return " ".join([*reasons, f"Confirming stores it for {', '.join(entry.seller_id for entry in entries)}."])


def _doubts_of(
    known: Mapping[str, Authorization],
    consent: Consent,
    seller: Seller,
    account: Account,
    proven: Mapping[str, bool],
    means: Means,
) -> Iterator[str]:
    """What speaks against an account for a seller of whom no order proves it."""
    mine = known.get(seller.seller_id)
    if seller.seller_id in proven:
        yield "Amazon does not show this account the seller's newest order."
    elif consent.purpose is Purpose.LOGIN:
        yield "It began in Seller Central, with no link of ours, and there is no order yet to tell the account by."
    if mine and mine.store_names and not set(mine.store_names) & set(account.store_names):
        yield f"The shop was called {_list(mine.store_names)}; this account's is called {_list(account.store_names)}."
    if mine and set(mine.marketplace_ids) - set(account.marketplace_ids):
        yield "This account does not take part in every marketplace that the seller took part in."
    elif not set(seller.marketplace_ids) & set(account.marketplace_ids):
        yield "This account takes part in none of the seller's marketplaces."
    if account.selling_partner_id and not (mine and mine.selling_partner_id):
        yield from _doubts_of_new(known, seller, account, means)


def _doubts_of_new(known: Mapping[str, Authorization], seller: Seller, account: Account, means: Means) -> Iterator[str]:
    """What speaks against learning this account as the seller's; entries that are unusable just now count too."""
    if means.tokens.account_of(seller.connection_id) not in ("", account.selling_partner_id):
        yield f"The Connection {seller.connection_id} names another selling partner id than the account's."
    sellers = means.sellers()
    for other_id, other in known.items():
        region = sellers[other_id].region if other_id in sellers else seller.region
        is_other = other_id != seller.seller_id and region == seller.region
        if is_other and other.selling_partner_id == account.selling_partner_id:
            yield f"The entry {other_id} holds this account already."


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"“{name[:80]}”" for name in list(names)[:3]) or "nothing"
