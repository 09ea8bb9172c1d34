"""Whose token is this: what Amazon shows of an account, compared with what is remembered of the seller's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from include.authorization.credentials import SellerCredentials
from include.authorization.seller_client import open_seller_client
from include.authorization.status import Authorization, read_authorizations
from include.authorization.validate import validate_authorization
from include.consent.means import Means
from include.errors import AccessDeniedError
from include.sellers.registry import Seller
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


def probe(seller: Seller, refresh_token: str, means: Means) -> Account:
    """Ask Amazon about the account of a token; nobody waits for a throttled Amazon.

    Raises:
        SellerOrdersError: As `validate_authorization` says, but for a 403, which comes back as `denied`.
    """
    client = open_seller_client(
        means.application,
        SellerCredentials(refresh_token, "", seller.region),
        settings=means.settings,
        now=means.now,
        quota=UncountedQuota(),
        patience_s=0,
    )
    try:
        seen = validate_authorization(seller, client)
    except AccessDeniedError as denial:
        return Account("", denied=denial.amazon_said or "HTTP 403")
    return Account("", seen.marketplace_ids, seen.store_names)


def doubts(connection: Connection, entries: Sequence[Seller], account: Account, means: Means) -> str:
    """Say why an operator should look before an account's token is used, and for whom; "" where all fits.

    Args:
        connection: The warehouse.
        entries: Everybody whose Connection would get the token.
        account: As Amazon shows it.
        means: The sellers, and what is stored.
    """
    if account.denied:
        reasons = [f"Amazon accepts the token but shows nothing of the account ({account.denied})."]
    else:
        reasons = [f"{e.seller_id}: {why}" for e in entries for why in _doubts_of(connection, e, account, means)]
    if not reasons:
        return ""
    return " ".join([*reasons, f"Confirming stores it for {', '.join(entry.seller_id for entry in entries)}."])


def _doubts_of(connection: Connection, seller: Seller, account: Account, means: Means) -> Iterator[str]:
    known = read_authorizations(connection)
    mine = known.get(seller.seller_id)
    if mine and mine.store_names and account.store_names and not set(mine.store_names) & set(account.store_names):
        yield f"The shop was called {_list(mine.store_names)}; this account's is called {_list(account.store_names)}."
    if mine and set(mine.marketplace_ids) - set(account.marketplace_ids):
        yield "This account does not take part in every marketplace that the seller took part in."
    elif not set(seller.marketplace_ids) & set(account.marketplace_ids):
        yield "This account takes part in none of the seller's marketplaces."
    if account.selling_partner_id and not (mine and mine.selling_partner_id):
        yield from _doubts_of_new(known, seller, account, means)


def _doubts_of_new(known: Mapping[str, Authorization], seller: Seller, account: Account, means: Means) -> Iterator[str]:
    """What speaks against learning this account as the seller's."""
    if means.tokens.account_of(seller.connection_id) not in ("", account.selling_partner_id):
        yield f"The Connection {seller.connection_id} names another selling partner id than the account's."
    for entry in means.sellers().values():
        other = known.get(entry.seller_id)
        if (
            entry.seller_id != seller.seller_id
            and entry.region == seller.region
            and other
            and other.selling_partner_id == account.selling_partner_id
        ):
            yield f"The entry {entry.seller_id} holds this account already."


def _list(names: object) -> str:
    return ", ".join(f"“{str(name)[:80]}”" for name in list(names)[:3])  # type: ignore[call-overload]
