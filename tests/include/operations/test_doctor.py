"""The doctor finds each thing that is wrong, says what to do about it, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet

from include.airflow_gateway.token_store import SecretsManagerTokens
from include.authorization.status import Status, record_refused
from include.clock import utc_now
from include.consent.means import Means
from include.errors import SettingsError, TransportError
from include.notifications.incidents import open_incident
from include.notifications.lookout import beat
from include.notifications.outbox import owe
from include.operations.doctor import CHECKS, examine, line_of
from include.operations.finding import Finding, wrong
from tests.include.operations.conftest import House, with_settings

APPLICATION, SELLERS = "amazon_application", "amazon_seller_acme"
KEY = Fernet.generate_key().decode()
OK_PAGE = {"status": "ok", "watch_ran_s_ago": 3}


def findings(house: House, means: Means | None = None) -> list[tuple[str, Finding]]:
    """All findings, with a start page that answers as it should where the test planned nothing else."""
    if not house.start_page._answers:
        house.start_page.say(200, OK_PAGE)
        house.start_page.say(303, b"", Location="/done/x")
    return list(examine(means or house.means))


def not_ok(house: House, means: Means | None = None) -> dict[str, list[Finding]]:
    """What stands out, by check; what is always to be looked at on a laptop is left out."""
    found: dict[str, list[Finding]] = {}
    usual = ("is reached from this machine alone", "Nobody came back from Amazon yet")
    for name, finding in findings(house, means):
        if finding.state != "ok" and not any(words in finding.text for words in usual):
            found.setdefault(name, []).append(finding)
    return found


def test_where_all_is_right_every_check_says_so(house):
    found = findings(house)
    assert {name for name, _ in found} == {name for name, _ in CHECKS}
    assert not_ok(house) == {}


@dataclass(frozen=True)
class Spoilt:
    """One thing that is wrong.

    Attributes:
        check: Whose finding it is.
        words: What is said, remedy included.
        state: How bad it is.
        spoil: Makes it so; returns the set-up to look at.
    """

    check: str
    words: tuple[str, ...]
    spoil: Callable[[House], Means | None]
    state: str = "wrong"


def _set(part: str, **changes: object) -> Callable[[House], Means]:
    return lambda house: with_settings(house.means, part, **changes)


def _airflow(**changes: object) -> Callable[[House], None]:
    def spoil(house: House) -> None:
        for name, value in changes.items():
            setattr(house.airflow, name, value)

    return spoil


def _connection(connection_id: str, **fields: object) -> Callable[[House], None]:
    return lambda house: house.airflow.connections[connection_id].update(fields)


def _no_connection(connection_id: str) -> Callable[[House], None]:
    return lambda house: house.airflow.connections.pop(connection_id) and None


def _broken_entry(house: House) -> None:
    house.sellers_file.write_text(house.sellers_file.read_text().replace("region: eu", "region: europe"))


def _quiet_watch(house: House) -> None:
    beat(house.warehouse, now_utc=utc_now() - timedelta(hours=3))


def _never_watched(house: House) -> None:
    house.warehouse.execute("DELETE FROM ops.heartbeat")


def _lapsed(house: House) -> None:
    record_refused(house.warehouse, "acme", Status.REAUTHORIZATION_REQUIRED, "expired", now_utc=utc_now())


def _unsent(house: House) -> None:
    incident, _ = open_incident(house.warehouse, "acme", "LoadError", now_utc=utc_now())
    owe(house.warehouse, incident.incident_id, "alert", "operators", ["ops@example.com"], now_utc=utc_now())
    house.warehouse.execute("UPDATE ops.outbox SET tries = 3, last_trouble = 'SMTP 550 no such box'")


def _page_says(status: int, body: object) -> Callable[[House], None]:
    def spoil(house: House) -> None:
        house.start_page.say(status, body)
        house.start_page.say(303)

    return spoil


def _callback_says(status: int) -> Callable[[House], None]:
    def spoil(house: House) -> None:
        house.start_page.say(200, OK_PAGE)
        house.start_page.say(status)

    return spoil


SPOILT = {
    "no key": Spoilt("Settings", ("SECRET_KEY is not set", "long random text"), _set("settings", secret_key="")),
    "a short key": Spoilt("Settings", ("has 5 characters",), _set("settings", secret_key="short"), "look"),
    "no password": Spoilt("Settings", ("AIRFLOW_API_PASSWORD",), _set("consent", airflow_password="")),
    "an entry": Spoilt("Sellers", ("acme: region is 'europe'", "make lint"), _broken_entry),
    "silent watch": Spoilt("Warehouse", ("authorization_watch last came", "no mail is tried again"), _quiet_watch),
    "no watch yet": Spoilt("Warehouse", ("never come to its end", "unless it is paused"), _never_watched, "look"),
    "raw store": Spoilt("Raw pages", ("RAW_URL", "credentials"), _set("settings", raw_url="nowhere://x")),
    "scheduler": Spoilt("Airflow", ("scheduler is unhealthy", "Start it"), _airflow(states={"scheduler": "unhealthy"})),
    "import error": Spoilt("Airflow", ("cannot be read: KeyError: x",), _airflow(errors=["Traceback\nKeyError: x\n"])),
    "no DAG": Spoilt("DAGs", ("no DAG amazon_orders__acme", "import errors"), _airflow(dags=set())),
    "paused DAG": Spoilt("DAGs", ("Paused: amazon_orders__acme",), _airflow(paused={"amazon_orders__acme"}), "look"),
    "paused watch": Spoilt("DAGs", ("authorization_watch is paused",), _airflow(paused={"authorization_watch"})),
    "lapsed": Spoilt("Connections", ("acme is reauthorization_required since",), _lapsed, "look"),
    "no token": Spoilt("Connections", ("Not connected: acme", "invitation"), _no_connection(SELLERS), "look"),
    "no button": Spoilt("Application", ("AMAZON_CLIENT_ID: not set",), _set("consent", client_id=""), "look"),
    "wrong secret": Spoilt("Application", ("invalid_client",), _set("consent", client_secret="wrong")),
    "no application": Spoilt("Application", ("no Connection amazon_application",), _no_connection(APPLICATION)),
    "two clients": Spoilt("Application", ("another client id",), _connection(APPLICATION, login="other")),
    "no day": Spoilt("Application", ("secret was made",), _connection(APPLICATION, extra=None), "look"),
    "old secret": Spoilt(
        "Application",
        ("ends in", "runbook"),
        _connection(APPLICATION, extra=f'{{"made_on": "{utc_now() - timedelta(days=170):%Y-%m-%d}"}}'),
        "look",
    ),
    "page of others": Spoilt("Start page", ("Something else",), _page_says(200, b"<html>")),
    "page without tables": Spoilt("Start page", ("WAREHOUSE_DSN",), _page_says(503, {"status": "unreachable"})),
    "page and watch": Spoilt("Start page", ("is silent",), _page_says(503, {"status": "silent"}), "look"),
    "callback": Spoilt("Redirect URI", ("HTTP 404", "proxy"), _callback_says(404)),
    "no sender": Spoilt("Mail", ("MAIL_FROM is not set",), _set("notifications", mail_from="")),
    "no operators": Spoilt("Mail", ("OPERATOR_CONTACTS",), _set("notifications", operator_contacts=())),
    "no mail server": Spoilt("Mail", ("no Connection smtp_default",), _no_connection("smtp_default"), "look"),
    "mail waits": Spoilt("Mail", ("1 messages", "SMTP 550 no such box"), _unsent, "look"),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_what_is_wrong_is_found_with_its_remedy_and_nothing_else_stands_out(house, spoilt):
    found = not_ok(house, spoilt.spoil(house))
    assert set(found) == {spoilt.check}, found
    states = [finding.state for finding in found[spoilt.check]]
    assert spoilt.state in states
    said = " ".join(f"{finding.text} {finding.remedy}" for finding in found[spoilt.check])
    for words in spoilt.words:
        assert words in said


def test_nobody_at_an_address_is_named_with_the_address(house, deserted):
    far = with_settings(house.means, "settings", lwa_token_url=f"{deserted}/token", spapi_endpoints={"eu": deserted})
    far = with_settings(far, "notifications", public_base_url=deserted)
    found = not_ok(house, far)
    assert set(found) == {"Application", "Endpoints", "Clocks", "Start page", "Redirect URI"}
    assert all(deserted in found[name][0].text for name in ("Endpoints", "Clocks", "Start page", "Redirect URI"))


def test_a_mail_server_that_is_away_is_wrong(house, deserted):
    house.airflow.connections["smtp_default"]["port"] = int(deserted.rpartition(":")[2])
    assert "does not greet us (ConnectionRefusedError)" in not_ok(house)["Mail"][0].text


def test_a_clock_that_is_five_minutes_off_is_named(house):
    found = not_ok(house, replace(house.means, now=lambda: utc_now() + timedelta(minutes=5)))
    assert set(found) == {"Clocks"}
    assert [finding.text.split(" and ours ")[0] for finding in found["Clocks"]] == [
        "The clock of the warehouse",
        "The clock of Airflow",
        "The clock of Amazon",
    ]


def test_where_airflow_is_away_the_other_checks_are_done_all_the_same(house):
    house.airflow.trouble = TransportError("Airflow does not answer (ConnectionError).")
    found = not_ok(house)
    assert set(found) == {"Airflow", "DAGs", "Connections", "Application", "Mail"}
    assert {finding.text for name in found for finding in found[name]} == {"Airflow does not answer (ConnectionError)."}


def test_where_the_warehouse_is_away_or_old_it_is_said(house):
    found = not_ok(house, with_settings(house.means, "settings", warehouse_dsn="postgresql://x@127.0.0.1:1/x"))
    assert "The warehouse does not answer." in found["Warehouse"][0].text
    house.warehouse.execute("UPDATE ops.alembic_version SET version_num = '0001'")
    try:
        assert "python -m include.warehouse" in not_ok(house)["Warehouse"][0].remedy
    finally:
        house.warehouse.execute("UPDATE ops.alembic_version SET version_num = %s", (_head(),))


def _head() -> str:
    from alembic.script import ScriptDirectory

    from include.warehouse.migrate import MIGRATIONS

    return str(ScriptDirectory(MIGRATIONS).get_current_head())


def test_a_seller_who_came_back_proves_the_redirect_uri(house):
    house.warehouse.execute(
        "INSERT INTO ops.consent (state_hash, browser_hash, purpose, step, started_utc, expires_utc, authorized_utc)"
        " VALUES ('x', 'y', 'reconnect', 'done', now(), now(), '2026-11-20T10:00Z')"
    )
    told = [finding.text for name, finding in findings(house) if name == "Redirect URI"]
    assert told == ["a seller came back through it on 2026-11-20T10:00:00Z"]


def test_nothing_is_changed_by_looking(house):
    house.airflow.trouble = SettingsError("Airflow refuses the login of admin.")
    findings(house)
    house.airflow.trouble = None
    findings(house)
    assert house.airflow.did == []
    assert house.mails.taken == []
    assert {asked.method for asked in house.start_page.asked} == {"GET"}


def test_no_secret_is_in_what_it_says(house):
    said = "".join(line_of(name, finding) for name, finding in findings(house))
    for secret in (house.means.consent.client_secret, house.means.settings.secret_key, "one of the tests"):
        assert secret not in said


def test_a_line_shows_what_is_wrong_without_colour_and_its_remedy_below():
    assert line_of("Mail", wrong("MAIL_FROM is not set.", "Set it.")) == (
        "WRONG  Mail          MAIL_FROM is not set.\n                     Set it."
    )


def test_a_password_in_raw_url_is_not_shown(house):
    means = with_settings(house.means, "settings", raw_url="memory://me:planted@there/raw")
    assert "planted" not in "".join(line_of(name, finding) for name, finding in findings(house, means))


@pytest.mark.parametrize(
    ("settings", "paused", "words"),
    [
        ({}, set(), "PERSONAL_DATA_KEY is not set"),
        ({"personal_data_keys": ("none",)}, set(), "Key 1 of PERSONAL_DATA_KEY is no Fernet key"),
        ({"personal_data_keys": (KEY,)}, {"personal_data_purge"}, "personal_data_purge is paused"),
        (
            {"personal_data_keys": (KEY,), "personal_data_days": 90, "personal_data_law": "§ 147 AO"},
            set(),
            "for 90 days, by § 147 AO",
        ),
    ],
    ids=["no key", "no usable key", "nobody deletes", "kept for long"],
)
def test_who_wants_personal_data_needs_a_key_and_a_purge(house, settings, paused, words):
    (seller,) = house.means.sellers().values()
    wanting = replace(seller, personal_data=True)
    means = replace(with_settings(house.means, "settings", **settings), sellers=lambda: {"acme": wanting})
    house.airflow.paused = paused
    (finding,) = not_ok(house, means)["Buyers' data"]
    assert words in finding.text


def test_personal_data_with_key_and_purge_are_fine(house):
    (seller,) = house.means.sellers().values()
    wanting = replace(seller, personal_data=True)
    means = with_settings(house.means, "settings", personal_data_keys=(KEY,))
    found = dict(findings(house, replace(means, sellers=lambda: {"acme": wanting})))
    assert found["Buyers' data"].text == "wanted of acme, and there is a key"


@pytest.fixture
def at_aws(house, aws):
    """The same set-up with pages, mails and tokens at AWS, whose own role is this process's."""
    from s3fs import S3FileSystem

    S3FileSystem.clear_instance_cache()
    bucket = {"LocationConstraint": "eu-central-1"}
    aws.client("s3").create_bucket(Bucket="raw-pages", CreateBucketConfiguration=bucket)
    aws.client("ses").verify_domain_identity(Domain="example.com")
    aws.fail("GetSendQuota", status=200, body=QUOTA.replace(b"{}", b"50000"))
    fields = {"conn_type": "amazon_sp_application", **house.airflow.connections.pop(APPLICATION)}
    fields["extra"] = json.loads(fields["extra"])
    secret = {"Name": f"airflow/connections/{APPLICATION}", "SecretString": json.dumps(fields)}
    aws.client("secretsmanager").create_secret(**secret)
    house.airflow.connections.clear()
    house.means = with_settings(house.means, "settings", raw_url="s3://raw-pages/raw")
    house.means = with_settings(house.means, "notifications", mail_transport="ses", mail_connection_id="aws_default")
    house.means = with_settings(house.means, "consent", tokens_in="secrets_manager")
    house.means = replace(house.means, tokens=SecretsManagerTokens("airflow/connections"))
    yield aws
    S3FileSystem.clear_instance_cache()


QUOTA = (
    b"<GetSendQuotaResponse><GetSendQuotaResult><SentLast24Hours>0</SentLast24Hours><Max24HourSend>{}</Max24HourSend>"
    b"<MaxSendRate>1</MaxSendRate></GetSendQuotaResult></GetSendQuotaResponse>"
)
DENIED = {"code": "AccessDenied", "status": 403}
AT_AWS = {
    "no bucket": ("Raw pages", "no bucket s3://other", lambda house, _: _set("settings", raw_url="s3://other/")(house)),
    "a closed bucket": ("Raw pages", "docs/aws.md", lambda _, aws: aws.fail("S3 HEAD", **DENIED)),
    "closed secrets": ("Application", "Let our role", lambda _, aws: aws.fail("GetSecretValue", "AccessDenied")),
    "busy secrets": ("Application", "Throttling", lambda _, aws: aws.fail("GetSecretValue", "ThrottlingException")),
    "no application": (
        "Application",
        "no Connection amazon_application in AWS Secrets Manager",
        lambda _, aws: aws.client("secretsmanager").delete_secret(
            SecretId=f"airflow/connections/{APPLICATION}", ForceDeleteWithoutRecovery=True
        ) and None,
    ),
    "tokens left behind": (
        "Connections",
        "still holds amazon_seller_acme",
        lambda house, _: house.airflow.connections.update({SELLERS: {"login": "A1"}}),
    ),
    "closed mail": ("Mail", "does not answer us (AccessDenied)", lambda _, aws: aws.fail("GetSendQuota", **DENIED)),
    "a foreign sender": (
        "Mail",
        "verified neither x@other.example nor other.example",
        lambda house, _: _set("notifications", mail_from="X <x@other.example>")(house),
    ),
    "the sandbox": (
        "Mail",
        "sandbox",
        lambda _, aws: aws.fail("GetSendQuota", status=200, body=QUOTA.replace(b"{}", b"200")),
    ),
}  # fmt: skip


@pytest.mark.slow
def test_at_aws_every_check_says_so_too_and_nothing_is_written(house, at_aws):
    assert not_ok(house) == {}
    assert {call.removeprefix("S3 ")[:3] for call in at_aws.calls} <= {"Get", "HEA", "GET"}


@pytest.mark.slow
@pytest.mark.parametrize("case", AT_AWS)
def test_what_is_wrong_at_aws_is_found_and_nothing_else_stands_out(house, at_aws, case):
    check, words, spoil = AT_AWS[case]
    found = not_ok(house, spoil(house, at_aws))
    assert set(found) == {check}, found
    assert words in " ".join(f"{finding.text} {finding.remedy}" for finding in found[check])
