"""Is it the seller or Amazon: one control asked, waves held, no shop mailed because Amazon fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import pytest

from include.authorization.credentials import ApplicationCredentials
from include.authorization.fingerprint import fingerprint
from include.authorization.lwa import exchange_refresh_token
from include.authorization.status import Status
from include.errors import SellerOrdersError, SettingsError
from include.fake_amazon import literal
from include.fake_amazon.clock import Clock
from include.fake_amazon.server import RunningFake, serve_in_thread
from include.fake_amazon.shops import make_shop
from include.notifications.failures import SECOND_REFUSAL_AFTER
from include.notifications.lookout import remind
from include.notifications.meanings import APPLICATION, MASS_REFUSAL, REFUSED, class_of
from include.notifications.verification import check_held, verify
from include.sellers.registry import Seller

SECRET_KEY = "any long random text"
NIGHT = datetime.fromisoformat("2026-10-06T03:00Z")


class Nights:
    """Runs the sellers' nights against the fake's Login with Amazon, as their tasks would."""

    def __init__(self, desk, fake: RunningFake, sellers: Mapping[str, Seller]) -> None:
        self.desk = desk
        self.clock = desk.clock
        self.amazon = fake.client
        self.token_url = fake.lwa_token_url
        self.sellers = dict(sellers)
        credentials = fake.client.application()
        self.application = ApplicationCredentials(credentials.client_id, credentials.client_secret)
        self.tokens = {name: fake.client.authorize(name).refresh_token for name in sellers}
        self.told: list[tuple[str, str, datetime]] = []

    def refresh(self, seller: Seller) -> str:
        token = self.tokens[seller.seller_id]
        exchange_refresh_token(token, self.application, token_url=self.token_url, now=self.clock)
        return fingerprint(token, SECRET_KEY)

    def run(self, seller: Seller, *, verified: bool = True) -> None:
        """A night: it loads, or its failure is reported and made sure of; what may be sent is sent."""
        generation = self.desk.standing(seller).generation
        try:
            self.refresh(seller)
        except SellerOrdersError as refusal:
            incident = self.desk.fails(
                seller, class_of(refusal), amazon_said=refusal.amazon_said, generation=generation
            )
            if incident and verified:
                self.verify(incident)
        else:
            self.desk.good(seller, self.tokens[seller.seller_id], generation)
        self.send()

    def verify(self, incident) -> None:
        verify(
            self.desk.connection,
            incident,
            self.sellers,
            self.refresh,
            operators=self.desk.operators,
            now_utc=self.clock(),
        )

    def watch(self) -> list[Seller]:
        """A run of the watch: asks again, sends."""
        back = check_held(
            self.desk.connection, self.sellers, self.refresh, operators=self.desk.operators, now=self.clock
        )
        self.send()
        return back

    def send(self) -> None:
        self.told += [(kind, recipient, self.clock()) for kind, recipient in self.desk.send()]

    def kinds(self) -> Counter[str]:
        return Counter(kind for kind, _, _ in self.told)

    def mails_to(self, seller: Seller) -> list[tuple[str, str]]:
        return [(kind, recipient) for kind, recipient, _ in self.told if recipient in seller.contacts]

    def statuses(self) -> set[Status]:
        return {self.desk.standing(seller).status for seller in self.sellers.values()}

    def asked(self, seller_id: str) -> int:
        calls = self.amazon.calls()
        return sum(count for (_, shop_id, _), count in calls.items() if shop_id == seller_id)

    def refuse_everybody(self) -> None:
        self.amazon.fail_next("lwa.refresh_token", times=10_000, **literal.LWA_REFRESH_TOKEN_INVALID._asdict())


@pytest.fixture
def open_nights(desk, clock, make_sellers) -> Iterator[Callable[[int], Nights]]:
    """So many sellers on a fake Amazon, each good in the night of 5 October; it is the next night."""
    opened = []

    def open_them(count: int) -> Nights:
        sellers = make_sellers(count)
        shops = [make_shop({"shop_id": name, "region": "eu", "marketplaces": ["DE"]}) for name in sellers]
        serving = serve_in_thread(shops=shops, clock=Clock(clock))
        opened.append(serving)
        nights = Nights(desk, serving.__enter__(), sellers)
        clock.instant = NIGHT - timedelta(days=1)
        for seller in sellers.values():
            clock.advance(seconds=30)
            desk.good(seller, nights.tokens[seller.seller_id])
        clock.instant = NIGHT
        return nights

    yield open_them
    for serving in opened:
        serving.__exit__(None, None, None)


def test_a_lapse_is_sure_when_another_seller_is_accepted_who_is_asked_once(open_nights, clock) -> None:
    nights = open_nights(3)
    lapsed, _, newest = nights.sellers.values()
    nights.amazon.revoke(lapsed.seller_id)
    nights.amazon.reset_calls()
    nights.run(lapsed)
    assert nights.told == [("reconnect", contact, clock()) for contact in lapsed.contacts]
    known = nights.desk.standing(lapsed)
    assert (known.status, known.since_utc) == (Status.REAUTHORIZATION_REQUIRED, clock())
    assert known.amazon_said
    calls = nights.amazon.calls()
    assert {key: count for key, count in calls.items() if key[1] == newest.seller_id} == {
        ("lwa.refresh_token", newest.seller_id, 200): 1
    }
    # The lapsed one's own, and the control's.
    assert sum(calls.values()) == 2
    nights.watch()
    assert sum(nights.amazon.calls().values()) == 2


def test_without_another_seller_a_lapse_is_sure_at_once(open_nights) -> None:
    nights = open_nights(1)
    (seller,) = nights.sellers.values()
    nights.amazon.revoke(seller.seller_id)
    nights.run(seller)
    assert nights.mails_to(seller) == [("reconnect", contact) for contact in seller.contacts]


@pytest.mark.parametrize("why", ["not asked for days", "itself refused", "no longer in sellers.yaml"])
def test_a_seller_of_whom_nothing_good_is_known_is_no_control(open_nights, clock, why) -> None:
    nights = open_nights(2)
    lapsed, other = nights.sellers.values()
    if why == "not asked for days":
        clock.advance(days=3)
    elif why == "itself refused":
        nights.desk.fails(other, APPLICATION)
        nights.send()
        nights.told.clear()
    else:
        del nights.sellers[other.seller_id]
    nights.amazon.reset_calls()
    nights.amazon.revoke(lapsed.seller_id)
    nights.run(lapsed)
    assert nights.asked(other.seller_id) == 0
    if why == "no longer in sellers.yaml":
        assert nights.kinds() == {"reconnect": 2}
        return
    # Nobody can tell whether it is Amazon, so its own second refusal has to.
    assert nights.kinds() == {}
    clock.advance(minutes=61)
    nights.watch()
    nights.watch()
    assert nights.kinds() == {"reconnect": 2}


def test_an_outage_after_days_in_which_nobody_was_asked_tells_no_seller(open_nights, clock) -> None:
    nights = open_nights(5)
    clock.advance(days=4)
    nights.refuse_everybody()
    for seller in nights.sellers.values():
        nights.run(seller)
    nights.amazon.clear_faults()
    clock.advance(minutes=61)
    assert nights.watch() == list(nights.sellers.values())
    assert "reconnect" not in nights.kinds()


def test_where_the_control_is_refused_too_operators_are_told_once_and_sellers_wait(open_nights, clock) -> None:
    nights = open_nights(3)
    nights.refuse_everybody()
    for seller in nights.sellers.values():
        nights.run(seller)
        clock.advance(minutes=1)
    assert [(kind, recipient) for kind, recipient, _ in nights.told] == [
        ("mass_refusal", recipient) for recipient in nights.desk.operators
    ]
    assert nights.statuses() == {Status.VERIFYING}
    assert Counter(nights.desk.open_classes()) == {REFUSED: 3, MASS_REFUSAL: 1}
    nights.watch()
    assert nights.kinds() == {"mass_refusal": 2}


@pytest.mark.parametrize(
    "trouble",
    [literal.LWA_SERVER_ERROR, literal.LWA_TEMPORARILY_UNAVAILABLE, literal.HTML_UNAVAILABLE],
    ids=["server_error", "temporarily_unavailable", "HTML"],
)
def test_where_the_control_cannot_be_asked_nothing_is_sure_until_the_watch_asks_again(
    open_nights, clock, trouble
) -> None:
    nights = open_nights(2)
    lapsed, control = nights.sellers.values()
    nights.amazon.revoke(lapsed.seller_id)
    nights.amazon.fail_next("lwa.refresh_token", shop_id=control.seller_id, times=2, **trouble._asdict())
    nights.run(lapsed)
    assert (nights.told, nights.desk.standing(lapsed).status) == ([], Status.VERIFYING)
    assert nights.watch() == []
    assert nights.told == []
    clock.advance(minutes=15)
    assert nights.watch() == []
    assert nights.mails_to(lapsed) == [("reconnect", contact) for contact in lapsed.contacts]
    known = nights.desk.standing(lapsed)
    assert (known.status, known.since_utc) == (Status.REAUTHORIZATION_REQUIRED, NIGHT)


def test_a_refusal_of_the_application_says_nothing_of_a_seller(open_nights) -> None:
    nights = open_nights(2)
    lapsed, _ = nights.sellers.values()
    nights.amazon.revoke(lapsed.seller_id)
    incident = nights.desk.fails(lapsed, REFUSED, generation=1)
    nights.amazon.expire_client_secret()
    nights.verify(incident)
    nights.watch()
    assert (nights.told, nights.desk.standing(lapsed).status) == ([], Status.VERIFYING)
    nights.amazon.renew_client_secret()
    nights.watch()
    assert nights.kinds() == {"reconnect": 2}


def test_a_control_whose_connection_is_missing_says_nothing_of_a_seller(open_nights, clock) -> None:
    nights = open_nights(2)
    lapsed, _ = nights.sellers.values()
    incident = nights.desk.fails(lapsed, REFUSED, generation=1)

    def refresh(_: Seller) -> str:
        raise SettingsError("There is no Connection.")

    verify(nights.desk.connection, incident, nights.sellers, refresh, operators=(), now_utc=clock())
    assert nights.desk.claimable() == []


def test_after_a_control_whose_connection_is_missing_the_next_one_is_asked(open_nights, clock) -> None:
    nights = open_nights(3)
    lapsed, *others = nights.sellers.values()
    incident = nights.desk.fails(lapsed, REFUSED, generation=1)
    asked = []

    def refresh(seller: Seller) -> str:
        asked.append(seller)
        if len(asked) == 1:
            raise SettingsError("There is no Connection.")
        return "its token"

    verify(nights.desk.connection, incident, nights.sellers, refresh, operators=(), now_utc=clock())
    assert sorted(seller.seller_id for seller in asked) == sorted(seller.seller_id for seller in others)
    assert [kind for kind, _ in nights.desk.claimable()] == ["reconnect"] * 2


@pytest.mark.parametrize("class_", [APPLICATION, "LoadError"])
def test_what_is_no_refusal_of_a_seller_is_not_made_sure_of(open_nights, class_) -> None:
    nights = open_nights(2)
    seller, control = nights.sellers.values()
    nights.amazon.reset_calls()
    nights.verify(nights.desk.fails(seller, class_))
    assert nights.asked(control.seller_id) == 0


def test_a_reconnect_between_the_refusal_and_its_confirmation_is_not_undone(open_nights) -> None:
    nights = open_nights(2)
    lapsed, _ = nights.sellers.values()
    incident = nights.desk.fails(lapsed, REFUSED, generation=1)
    renewed = nights.desk.good(lapsed, "Atzr|another")
    nights.verify(incident)
    assert nights.desk.standing(lapsed) == renewed
    assert (nights.desk.open_classes(), nights.desk.claimable()) == ([], [])


def test_a_reconnect_while_the_control_is_asked_is_not_undone(open_nights, clock) -> None:
    nights = open_nights(2)
    lapsed, _ = nights.sellers.values()
    incident = nights.desk.fails(lapsed, REFUSED, generation=1)

    def refresh(seller: Seller) -> str:
        nights.desk.good(lapsed, "Atzr|another")
        return nights.refresh(seller)

    verify(nights.desk.connection, incident, nights.sellers, refresh, operators=(), now_utc=clock())
    assert nights.desk.standing(lapsed).status is Status.CONNECTED
    assert (nights.desk.open_classes(), nights.desk.claimable()) == ([], [])


def test_an_old_token_accepted_while_the_seller_reconnects_does_not_count(open_nights, clock) -> None:
    nights = open_nights(2)
    nights.refuse_everybody()
    for seller in nights.sellers.values():
        nights.run(seller)
    nights.amazon.clear_faults()
    clock.advance(hours=1)

    def refresh(seller: Seller) -> str:
        mark = nights.refresh(seller)
        nights.desk.good(seller, "Atzr|another")
        return mark

    check_held(nights.desk.connection, nights.sellers, refresh, operators=(), now=clock)
    assert {nights.desk.standing(seller).generation for seller in nights.sellers.values()} == {2}
    assert nights.desk.open_classes() == []


def test_a_second_night_that_is_refused_makes_a_held_refusal_sure(open_nights, clock) -> None:
    nights = open_nights(2)
    first, second = nights.sellers.values()
    nights.refuse_everybody()
    nights.run(first)
    nights.run(second)
    clock.instant = NIGHT + SECOND_REFUSAL_AFTER - timedelta(seconds=1)
    nights.run(first)
    assert nights.mails_to(first) == []
    clock.advance(seconds=1)
    nights.run(first)
    assert nights.mails_to(first) == [("reconnect", contact) for contact in first.contacts]
    assert nights.desk.standing(first).status is Status.REAUTHORIZATION_REQUIRED
    assert nights.desk.standing(second).status is Status.VERIFYING


def test_while_others_are_held_a_further_refusal_is_held_without_asking_for_anybody(open_nights, clock) -> None:
    nights = open_nights(3)
    first, second, control = nights.sellers.values()
    nights.refuse_everybody()
    nights.run(first)
    nights.amazon.clear_faults()
    nights.amazon.revoke(second.seller_id)
    nights.amazon.reset_calls()
    nights.run(second)
    assert nights.asked(control.seller_id) == 0
    assert nights.kinds() == {"mass_refusal": 2}
    clock.advance(hours=1)
    assert nights.watch() == [first]
    assert nights.mails_to(second) == [("reconnect", contact) for contact in second.contacts]
    assert nights.desk.open_classes() == [REFUSED]


def test_a_held_seller_who_cannot_be_asked_stays_held(open_nights, clock) -> None:
    nights = open_nights(2)
    nights.refuse_everybody()
    for seller in nights.sellers.values():
        nights.run(seller)
    nights.amazon.clear_faults()
    # One is enough: a watch that hears of an outage asks for nobody else.
    nights.amazon.fail_next("lwa.refresh_token", **literal.LWA_SERVER_ERROR._asdict())
    clock.advance(hours=2)
    assert nights.watch() == []
    assert (nights.statuses(), nights.kinds()) == ({Status.VERIFYING}, {"mass_refusal": 2})
    assert nights.watch() == list(nights.sellers.values())


def test_a_seller_taken_out_of_the_file_is_left_alone_and_keeps_no_wave_open(open_nights, clock) -> None:
    nights = open_nights(2)
    nights.refuse_everybody()
    for seller in nights.sellers.values():
        nights.run(seller)
    nights.amazon.clear_faults()
    removed = nights.sellers.pop("shop_02")
    before = nights.desk.standing(removed)
    clock.advance(hours=1)
    nights.watch()
    assert nights.desk.standing(removed) == before
    assert nights.desk.open_classes() == [REFUSED]
    assert nights.mails_to(removed) == []


def test_a_refusal_while_amazon_also_failed_is_asked_again_before_it_is_believed(open_nights, clock) -> None:
    """Login with Amazon refuses one and fails for the other; a quarter of an hour later both are good."""
    nights = open_nights(2)
    refused, control = nights.sellers.values()
    nights.amazon.fail_next(
        "lwa.refresh_token", shop_id=refused.seller_id, **literal.LWA_REFRESH_TOKEN_INVALID._asdict()
    )
    nights.amazon.fail_next("lwa.refresh_token", shop_id=control.seller_id, **literal.LWA_SERVER_ERROR._asdict())
    nights.run(refused)
    clock.advance(minutes=15)
    assert nights.watch() == [refused]
    assert (nights.statuses(), nights.told, nights.desk.open_classes()) == ({Status.CONNECTED}, [], [])


@pytest.mark.parametrize("how", ["reported before any was made sure of", "the control could not be asked"])
def test_where_nobody_good_is_left_to_ask_because_all_are_refused_it_is_a_wave(open_nights, clock, how) -> None:
    nights = open_nights(3)
    cannot_be_asked = how == "the control could not be asked"
    if cannot_be_asked:
        nights.amazon.fail_next("lwa.refresh_token", shop_id="shop_03", times=2, **literal.LWA_SERVER_ERROR._asdict())
    nights.refuse_everybody()
    for seller in nights.sellers.values():
        nights.run(seller, verified=cannot_be_asked)
    for _ in range(3):
        nights.watch()
        clock.advance(minutes=15)
    assert nights.kinds() == {"mass_refusal": 2}
    assert nights.statuses() == {Status.VERIFYING}
    nights.amazon.clear_faults()
    clock.advance(minutes=30)
    assert nights.watch() == list(nights.sellers.values())
    assert (nights.statuses(), nights.kinds()) == ({Status.CONNECTED}, {"mass_refusal": 2})
    assert nights.desk.open_classes() == []


def test_in_half_an_hour_in_which_amazon_refuses_everybody_no_seller_is_told(open_nights, clock) -> None:
    nights = open_nights(50)
    nights.refuse_everybody()
    for number, seller in enumerate(nights.sellers.values()):
        nights.run(seller)
        clock.advance(seconds=36)
        if number % 25 == 24:
            assert nights.watch() == []
    assert clock() == NIGHT + timedelta(minutes=30)
    nights.amazon.clear_faults()
    assert nights.statuses() == {Status.VERIFYING}
    # Those of the first half are asked before those of the second are due.
    clock.instant = NIGHT + timedelta(minutes=75)
    back = nights.watch()
    assert [seller.seller_id for seller in back] == list(nights.sellers)[:26]
    assert MASS_REFUSAL in nights.desk.open_classes()
    clock.instant = NIGHT + timedelta(minutes=90)
    back += nights.watch()
    assert back == list(nights.sellers.values())
    assert nights.statuses() == {Status.CONNECTED}
    assert nights.desk.open_classes() == []
    assert nights.watch() == []
    assert nights.kinds() == {"mass_refusal": len(nights.desk.operators)}
    owed = "SELECT count(*) FROM ops.outbox WHERE audience = 'seller' AND (sent_utc IS NOT NULL OR dropped_utc IS NULL)"
    assert nights.desk.connection.execute(owed).fetchone() == (0,)


def test_when_everybody_has_truly_been_revoked_each_is_told_once_after_the_second_refusal(
    open_nights, clock, notifications
) -> None:
    nights = open_nights(50)
    refused_utc = {}
    for seller in nights.sellers.values():
        nights.amazon.revoke(seller.seller_id)
    for number, seller in enumerate(nights.sellers.values()):
        refused_utc[seller.seller_id] = clock()
        nights.run(seller)
        clock.advance(seconds=36)
        if number % 25 == 24:
            nights.watch()
    assert nights.kinds() == {"mass_refusal": len(nights.desk.operators)}
    while clock() < NIGHT + timedelta(hours=3):
        clock.advance(minutes=15)
        assert nights.watch() == []
        remind(nights.desk.connection, nights.sellers, notifications, now_utc=clock())
    assert nights.kinds() == {"mass_refusal": len(nights.desk.operators), "reconnect": 100}
    told = {recipient: at_utc for kind, recipient, at_utc in nights.told if kind == "reconnect"}
    for seller in nights.sellers.values():
        assert nights.mails_to(seller) == [("reconnect", contact) for contact in seller.contacts]
        for contact in seller.contacts:
            waited = told[contact] - refused_utc[seller.seller_id]
            assert SECOND_REFUSAL_AFTER <= waited < SECOND_REFUSAL_AFTER + timedelta(minutes=15)
    assert nights.statuses() == {Status.REAUTHORIZATION_REQUIRED}
    assert set(nights.desk.open_classes()) == {REFUSED}


def test_of_fifty_sellers_the_one_who_is_revoked_is_told_at_once(open_nights, clock) -> None:
    nights = open_nights(50)
    revoked = nights.sellers["shop_25"]
    nights.amazon.revoke(revoked.seller_id)
    for seller in nights.sellers.values():
        nights.run(seller)
        if seller == revoked:
            assert nights.told == [("reconnect", contact, clock()) for contact in revoked.contacts]
        clock.advance(seconds=36)
    assert nights.watch() == []
    assert nights.kinds() == {"reconnect": 2}
    assert Counter(nights.desk.standing(seller).status for seller in nights.sellers.values()) == {
        Status.CONNECTED: 49,
        Status.REAUTHORIZATION_REQUIRED: 1,
    }
