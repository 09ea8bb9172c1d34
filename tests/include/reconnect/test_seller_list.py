"""The order of the operators' list."""

from __future__ import annotations

from include.authorization.status import Status
from include.reconnect.seller_list import URGENCY


def test_every_status_has_its_place_in_the_list():
    assert sorted(URGENCY) == sorted(Status)
