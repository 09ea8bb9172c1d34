"""The world behind the fake: shops, their orders and authorizations, the clock, and every change made to them.

The state of an order is always asked for as of an instant. searchOrders answers a window that ends at E with the
orders' state as of E, so the same request gives the same answer whenever it is sent, and tables loaded up to a
watermark E equal `truth` as of E exactly. The real Amazon promises less: an order that changes after E may leave that
window and show up in the next one only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from include.fake_amazon import applying
from include.fake_amazon.changes import Change, ChangeError, RegisterApplication
from include.fake_amazon.clock import Clock
from include.fake_amazon.consents import Consents
from include.fake_amazon.credentials import Mint
from include.fake_amazon.faults import Faults
from include.fake_amazon.generator import OrderGenerator
from include.fake_amazon.journal import Journal, JournalError
from include.fake_amazon.marketplaces import BY_ID
from include.fake_amazon.order_book import OrderBook, WrittenOrders
from include.fake_amazon.order_files import read_order_file
from include.fake_amazon.page_order import ORDERLY, PageOrder
from include.fake_amazon.report_settings import ReportSettings
from include.fake_amazon.shops import Shop, load_shops, make_shop
from include.fake_amazon.usage_plans import UsagePlans
from include.fake_amazon.versions import OrderVersion

# A public application must be authorized again every 365 days.
AUTHORIZATION_LIFE = timedelta(days=365)


@dataclass(slots=True)
class ShopState:
    """A shop and what has happened to it.

    Attributes:
        generation: Counts the authorizations; 0 means that the seller has never consented.
        authorized_utc: When the present authorization was given, None while there is none.
        access_generation: Counts the forced expiries of access tokens.
        given_marketplace_ids: Marketplaces of given orders that the shop's description does not name.
        page_order: How the pages of searchOrders follow each other.
    """

    shop: Shop
    book: OrderBook
    generation: int = 0
    authorized_utc: datetime | None = None
    access_generation: int = 0
    given_marketplace_ids: set[str] = field(default_factory=set)
    page_order: PageOrder = ORDERLY

    @property
    def marketplace_ids(self) -> tuple[str, ...]:
        """Where the seller takes part: the shop's own marketplaces, then those its given orders came from."""
        return (*self.shop.marketplace_ids, *sorted(self.given_marketplace_ids))

    def is_authorized(self, now_utc: datetime) -> bool:
        """Whether the seller's consent is good at this instant."""
        return self.authorized_utc is not None and now_utc < self.authorized_utc + AUTHORIZATION_LIFE


@dataclass(slots=True)
class Calls:
    """How often each operation was called, by shop and status."""

    counts: dict[tuple[str, str, int], int] = field(default_factory=dict)

    def count(self, operation: str, shop_id: str, status: int) -> None:
        """Note one call; an unknown shop is ""."""
        key = (operation, shop_id, status)
        self.counts[key] = self.counts.get(key, 0) + 1


class World:
    """Everything the fake knows.

    Args:
        seed: Orders and credentials depend on it.
        shops: The shops to begin with; None means those of the demonstration.
        order_files: Shop ids and the NDJSON files that hold exactly their orders; unknown shops are made.
        rate_scale: Factor on the documented request rates.
        state_dir: Where changes are kept; None keeps them in memory.
        clock: The fake's clock.
        monotonic: Seconds for the usage plans.

    Raises:
        OrderFileError: A file of orders is not usable.
        JournalError: The state directory is not usable.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        shops: Iterable[Shop] | None = None,
        order_files: Mapping[str, Path] | None = None,
        rate_scale: float = 1.0,
        state_dir: Path | None = None,
        clock: Clock | None = None,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self.seed = seed
        self.clock = clock or Clock()
        self.mint = Mint(seed)
        self.plans = UsagePlans(rate_scale, monotonic) if monotonic else UsagePlans(rate_scale)
        self.calls = Calls()
        self.faults = Faults()
        self.client_secret_expired = False
        self.registered = RegisterApplication()
        self.consents = Consents()
        self.report_settings = ReportSettings()
        self._written = WrittenOrders()
        self.shops: dict[str, ShopState] = {}
        for shop in load_shops() if shops is None else shops:
            self.open_shop(shop)
        for shop_id, path in (order_files or {}).items():
            self._sell_exactly(shop_id, list(read_order_file(path)))
        self._journal = Journal(state_dir, seed) if state_dir else None
        if self._journal:
            self._replay(self._journal)

    def close(self) -> None:
        """Close the journal."""
        if self._journal:
            self._journal.close()

    def _replay(self, journal: Journal) -> None:
        for change in journal.replay():
            try:
                applying.apply(self, change)
            except ChangeError as error:
                journal.close()
                raise JournalError(f"{journal.path} does not fit these shops and orders any more: {error}") from error

    def shop(self, shop_id: str) -> ShopState:
        """A shop's state.

        Raises:
            ChangeError: There is no such shop.
        """
        if shop_id not in self.shops:
            raise ChangeError(f"There is no shop {shop_id!r}.")
        return self.shops[shop_id]

    def change(self, change: Change) -> None:
        """Apply a change and keep it.

        Raises:
            ChangeError: The change makes no sense; nothing happened.
        """
        applying.apply(self, change)
        if self._journal:
            self._journal.append(change)

    def open_shop(self, shop: Shop) -> ShopState:
        """Open a shop, in place of one with the same id."""
        state = self.shops[shop.shop_id] = ShopState(shop, OrderBook(OrderGenerator(self.seed, shop), self._written))
        return state

    def add_versions(self, state: ShopState, versions: list[OrderVersion]) -> None:
        """Put given orders into a shop; the seller takes part in their marketplaces from now on."""
        state.book.add(versions)
        found = {version.marketplace_id for version in versions} - set(state.shop.marketplace_ids)
        state.given_marketplace_ids |= {marketplace_id for marketplace_id in found if marketplace_id}

    def _sell_exactly(self, shop_id: str, versions: list[OrderVersion]) -> None:
        known = self.shops.get(shop_id)
        if known is None:
            found = [BY_ID[i] for version in versions if (i := version.marketplace_id or "") in BY_ID]
            region = found[0].region if found else "eu"
            shop = make_shop({"shop_id": shop_id, "region": region, "marketplaces": []})
        else:
            shop = known.shop
        silent = msgspec.structs.replace(shop, orders_per_day=0, launch_orders=0)
        self.add_versions(self.open_shop(silent), versions)
