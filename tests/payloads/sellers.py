"""Sellers as sellers.yaml would name them."""

from __future__ import annotations

from datetime import date, time

from include.sellers.marketplaces import by_country
from include.sellers.registry import Seller


def acme(start_date: date) -> Seller:
    """A German seller whose orders are wanted since a day."""
    germany = by_country("DE")
    assert germany
    return Seller(
        seller_id="acme",
        name="Acme",
        region="eu",
        marketplaces=(germany,),
        contacts=("anna@acme.example",),
        language="en",
        timezone="Europe/Berlin",
        run_at=time(3),
        start_date=start_date,
        authorization="public",
        personal_data=False,
    )
