"""Changes survive a restart, also one by kill -9."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from include.fake_amazon.changes import Authorize
from include.fake_amazon.clock import Clock
from include.fake_amazon.journal import JournalError
from include.fake_amazon.server import serve_in_thread
from include.fake_amazon.shops import make_shop
from include.fake_amazon.world import World

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
SHOPS = [
    make_shop({"shop_id": shop_id, "region": "eu", "marketplaces": ["DE"], "orders_per_day": 1})
    for shop_id in ("nordlicht_kerzen", "maple_trail", "harbour_goods", "first_steps")
]


@pytest.fixture
def state_dir(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def start(state_dir):
    """Serves the world of the state directory; call it again after the block for a restart."""

    def serve():
        clock = Clock()
        clock.set(NOW, frozen=True)
        return serve_in_thread(shops=SHOPS, state_dir=state_dir, clock=clock)

    return serve


def _everything(fake):
    client = fake.client
    return [
        client.shops(),
        client.application(),
        [client.truth(shop["shop_id"], NOW) for shop in client.shops()],
        [client.authorize(shop["shop_id"]) for shop in client.shops() if shop["authorized"]],
    ]


def test_a_restart_shows_the_same_world(start, make_order):
    with start() as fake:
        client = fake.client
        client.ensure_shop("extra", "eu", ["DE"], orders_per_day=3)
        client.ensure_shop("extra", "eu", ["DE", "FR"])
        client.authorize("extra")
        client.authorize("maple_trail")
        client.revoke("maple_trail")
        renewed = client.authorize("maple_trail")
        client.authorize("harbour_goods")
        client.revoke("harbour_goods")
        client.add_orders("first_steps", [make_order("300-0000000-0000001", "2026-11-01T00:00:00Z")])
        first, second, *_ = client.truth("extra", NOW)["orders"]
        client.update_order("extra", first["order_id"], {"programs": ["PRIME"]}, at_utc=NOW - timedelta(hours=1))
        client.cancel_order("extra", second["order_id"], NOW - timedelta(hours=2))
        before = _everything(fake)
    with start() as fake:
        assert _everything(fake) == before
        assert fake.client.authorize("maple_trail") == renewed


def test_access_tokens_survive_a_restart_and_forced_expiry_does_too(start, new_seller):
    with start() as fake:
        seller = new_seller()
        seller.fake, seller.shop_id, seller.region = fake, "nordlicht_kerzen", "eu"
        seller.refresh_token = fake.client.authorize("nordlicht_kerzen").refresh_token
        path = "/sellers/v1/marketplaceParticipations"
        assert seller.get(path).status_code == 200
    with start() as seller.fake:
        assert seller.get(path).status_code == 200
        seller.fake.client.expire_access_tokens()
    with start() as seller.fake:
        assert seller.get(path).status_code == 403


def test_an_expired_client_secret_and_broken_orders_survive_a_restart_but_faults_do_not(start, new_seller):
    with start() as fake:
        seller = new_seller()
        seller.fake, seller.shop_id = fake, "nordlicht_kerzen"
        seller.refresh_token = fake.client.authorize("nordlicht_kerzen").refresh_token
        fake.client.add_broken_order("nordlicht_kerzen", {"a": ["line\nbreak"]}, at_utc=NOW - timedelta(hours=1))
        window = {"lastUpdatedAfter": "2026-11-10T10:59:59Z", "lastUpdatedBefore": "2026-11-10T11:00:01Z"}
        before = seller.search(**window).json()
        assert {"a": ["line\nbreak"]} in before["orders"]
        fake.client.fail_next("searchOrders", status=500)
        fake.client.expire_client_secret()
    with start() as seller.fake:
        assert seller.search(**window).status_code == 403
        seller.fake.client.renew_client_secret()
    with start() as seller.fake:
        assert seller.search(**window).json() == before


def test_a_wish_that_is_fulfilled_already_leaves_no_line(start, state_dir):
    with start() as fake:
        fake.client.expire_client_secret()
        before = (state_dir / "changes.ndjson").read_bytes()
        fake.client.expire_client_secret()
        assert (state_dir / "changes.ndjson").read_bytes() == before


def _authorized(world):
    return {state.shop.shop_id for state in world.shops.values() if state.is_authorized(NOW)}


@pytest.mark.parametrize(
    "rest", [b'{"change":"revoke","shop_', b'{"change":"revoke","shop_id":"maple_trail"}', b"\xff"]
)
def test_a_line_cut_off_by_a_kill_is_dropped_and_the_next_one_is_whole(state_dir, rest):
    world = World(state_dir=state_dir)
    world.change(Authorize("maple_trail", NOW))
    world.close()
    with (state_dir / "changes.ndjson").open("ab") as journal:
        journal.write(rest)
    world = World(state_dir=state_dir)
    assert _authorized(world) == {"maple_trail"}
    world.change(Authorize("harbour_goods", NOW))
    world.close()
    world = World(state_dir=state_dir)
    assert _authorized(world) == {"maple_trail", "harbour_goods"}
    world.close()


def test_a_journal_that_is_nothing_but_a_cut_off_line_begins_anew(state_dir):
    state_dir.mkdir()
    (state_dir / "changes.ndjson").write_bytes(b'{"change":"wor')
    World(state_dir=state_dir).close()
    assert (state_dir / "changes.ndjson").read_bytes() == b'{"change":"world","seed":1}\n'


def test_a_spoilt_line_in_the_middle_is_told_with_its_number(state_dir):
    World(state_dir=state_dir).close()
    with (state_dir / "changes.ndjson").open("ab") as journal:
        journal.write(b'nonsense\n{"change":"revoke","shop_id":"maple_trail"}\n')
    with pytest.raises(JournalError, match="line 2 is spoilt"):
        World(state_dir=state_dir)


def test_a_journal_of_another_seed_is_refused(state_dir):
    World(state_dir=state_dir, seed=1).close()
    with pytest.raises(JournalError, match="belongs to another seed than 2"):
        World(state_dir=state_dir, seed=2)


def test_a_refused_change_leaves_no_line(start, state_dir, make_order):
    with start() as fake:
        before = (state_dir / "changes.ndjson").read_bytes()
        with pytest.raises(RuntimeError):
            fake.client.add_orders("maple_trail", [make_order("", "2026-11-01T00:00:00Z")])
        assert (state_dir / "changes.ndjson").read_bytes() == before


def test_a_state_directory_belongs_to_one_fake_at_a_time(state_dir):
    world = World(state_dir=state_dir)
    with pytest.raises(JournalError, match="Another fake Amazon uses the state directory"):
        World(state_dir=state_dir)
    world.close()
    World(state_dir=state_dir).close()


def test_the_journal_is_readable_for_its_owner_only(state_dir):
    World(state_dir=state_dir).close()
    assert stat.S_IMODE((state_dir / "changes.ndjson").stat().st_mode) == 0o600


def test_a_state_directory_that_cannot_be_one_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be used"):
        World(state_dir=tmp_path / "file")


def test_orders_with_line_breaks_between_their_values_stay_on_one_line(start, state_dir, make_order):
    order = make_order("300-0000000-0000001", "2026-11-01T00:00:00Z", programs=["line\nbreak"])
    with start() as fake:
        fake.client.add_orders("first_steps", [json.dumps(order, indent=2)])
        before = fake.client.truth("first_steps", NOW)
    assert len((state_dir / "changes.ndjson").read_bytes().splitlines()) == 2
    with start() as fake:
        assert fake.client.truth("first_steps", NOW) == before
