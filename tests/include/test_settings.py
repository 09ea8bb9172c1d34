"""Settings from an environment: every name, every default, and each value that is refused with its name."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from include.errors import SettingsError
from include.settings import (
    PROJECT_ROOT,
    ConsentSettings,
    NotificationSettings,
    Settings,
    StackSettings,
    load_consent_settings,
    load_notification_settings,
    load_settings,
    load_stack_settings,
)
from include.settings.reading import SECRETS, environment

LOOPBACK = {
    "LWA_TOKEN_URL": "http://127.0.0.1:8091/auth/o2/token",
    "SPAPI_ENDPOINT_EU": "http://127.0.0.1:8091/eu",
    "SPAPI_ENDPOINT_NA": "http://localhost:8091/na",
    "SPAPI_ENDPOINT_FE": "http://[::1]:8091/fe",
}


class RecordingEnvironment(Mapping[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def names_read() -> set[str]:
    environment = RecordingEnvironment()
    load_settings(environment)
    load_stack_settings(environment)
    load_notification_settings(environment)
    load_consent_settings(environment)
    return environment.asked


def test_an_empty_environment_means_amazon_itself() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert settings.sellers_file == PROJECT_ROOT / "include" / "sellers.yaml"
    assert settings.warehouse_dsn == ""
    assert settings.raw_url == f"file://{PROJECT_ROOT}/.run/raw"
    assert settings.lwa_token_url == "https://api.amazon.com/auth/o2/token"
    assert settings.spapi_endpoints == {
        "eu": "https://sellingpartnerapi-eu.amazon.com",
        "na": "https://sellingpartnerapi-na.amazon.com",
        "fe": "https://sellingpartnerapi-fe.amazon.com",
    }
    assert settings.seller_central_url == ""
    assert settings.rate_scale == 1
    assert settings.included_data == ("PROCEEDS", "FULFILLMENT", "PROMOTION", "EXPENSE", "CANCELLATION", "PACKAGES")
    assert (settings.first_window_days, settings.http_timeout_s) == (30, 30)
    assert (settings.overlap_hours, settings.reread_days) == (6, 7)
    assert (settings.most_pages_per_run, settings.most_hours_per_run) == (200, 4)
    assert settings.raw_retention_days == 90
    assert (settings.personal_data_keys, settings.personal_data_days, settings.personal_data_law) == ((), 30, "")


def test_every_name_reaches_its_setting() -> None:
    settings = load_settings(
        LOOPBACK
        | {
            "SELLERS_FILE": "/etc/sellers.yaml",
            "WAREHOUSE_DSN": "postgresql://loader:s3cr3t@db/warehouse",
            "RAW_URL": "s3://bucket/raw",
            "SELLER_CENTRAL_URL": "http://127.0.0.1:8091/consent/",
            "RATE_SCALE": "1000",
            "INCLUDED_DATA": " PROCEEDS , TAX,",
            "FIRST_WINDOW_DAYS": "90",
            "OVERLAP_HOURS": "2.5",
            "REREAD_DAYS": "14",
            "MOST_PAGES_PER_RUN": "50",
            "MOST_HOURS_PER_RUN": "1.5",
            "RETRY_DELAY_S": "5",
            "RAW_RETENTION_DAYS": "365",
            "PERSONAL_DATA_KEY": "new-key, old-key,",
            "PERSONAL_DATA_DAYS": "3650",
            "PERSONAL_DATA_LAW": "§ 147 AO",
            "HTTP_TIMEOUT_S": "2.5",
        }
    )
    assert settings == Settings(
        sellers_file=Path("/etc/sellers.yaml"),
        warehouse_dsn="postgresql://loader:s3cr3t@db/warehouse",
        raw_url="s3://bucket/raw",
        lwa_token_url="http://127.0.0.1:8091/auth/o2/token",
        spapi_endpoints={
            "eu": "http://127.0.0.1:8091/eu",
            "na": "http://localhost:8091/na",
            "fe": "http://[::1]:8091/fe",
        },
        seller_central_url="http://127.0.0.1:8091/consent",
        rate_scale=1000,
        included_data=("PROCEEDS", "TAX"),
        first_window_days=90,
        overlap_hours=2.5,
        reread_days=14,
        most_pages_per_run=50,
        most_hours_per_run=1.5,
        retry_delay_s=5,
        raw_retention_days=365,
        personal_data_keys=("new-key", "old-key"),
        personal_data_days=3650,
        personal_data_law="§ 147 AO",
        http_timeout_s=2.5,
    )


def test_an_empty_value_means_the_default() -> None:
    empty = dict.fromkeys(names_read(), "") | {"RATE_SCALE": "  ", "ORDERS": " "}
    assert load_settings(empty) == Settings()
    assert load_stack_settings(empty) == StackSettings()


def test_a_relative_file_of_sellers_is_in_the_project() -> None:
    assert load_settings({"SELLERS_FILE": "mine.yaml"}).sellers_file == PROJECT_ROOT / "mine.yaml"


def test_a_slash_at_the_end_of_an_endpoint_does_no_harm() -> None:
    settings = load_settings({"SPAPI_ENDPOINT_EU": "https://proxy.example/eu/"})
    assert settings.spapi_endpoints["eu"] == "https://proxy.example/eu"


def test_the_process_environment_is_read_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_WINDOW_DAYS", "3")
    monkeypatch.setenv("UI_PORT", "9090")
    assert load_settings().first_window_days == 3
    assert load_stack_settings().ui_port == 9090


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_stand_in_a_file_and_what_stands_in_the_environment_counts_more(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    named = {f"{name}_FILE": str(tmp_path / "secret")}
    assert environment(named)[name] == "from the file"
    assert environment({**named, name: ""})[name] == "from the file"
    assert environment({**named, name: "given"})[name] == "given"
    assert name not in environment({f"{name}_FILE": ""})


def test_every_reader_of_settings_looks_into_the_files(tmp_path: Path) -> None:
    for name in SECRETS:
        (tmp_path / name).write_text(f"the {name}")
    named = {f"{name}_FILE": str(tmp_path / name) for name in SECRETS}
    consent = load_consent_settings(named)
    assert (consent.client_secret, consent.airflow_password) == ("the AMAZON_CLIENT_SECRET", "the AIRFLOW_API_PASSWORD")
    product = load_settings(named)
    assert (product.warehouse_dsn, product.secret_key) == ("the WAREHOUSE_DSN", "the SECRET_KEY")
    assert load_notification_settings(named).secret_key == "the SECRET_KEY"
    assert load_stack_settings(named).ui_password == "the UI_PASSWORD"


def test_a_file_that_cannot_be_read_is_named_and_its_content_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"SECRET_KEY_FILE is .*nowhere.*FileNotFoundError"):
        load_settings({"SECRET_KEY_FILE": str(tmp_path / "nowhere")})


NUMBERS = ["RATE_SCALE", "HTTP_TIMEOUT_S", "OVERLAP_HOURS", "MOST_HOURS_PER_RUN", "RETRY_DELAY_S"]
WHOLE_NUMBERS = ["FIRST_WINDOW_DAYS", "REREAD_DAYS", "MOST_PAGES_PER_RUN", "RAW_RETENTION_DAYS", "PERSONAL_DATA_DAYS"]
MAY_BE_NOUGHT = {"OVERLAP_HOURS", "REREAD_DAYS"}


@pytest.mark.parametrize("name", [*NUMBERS, *WHOLE_NUMBERS])
@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "inf", "1,5", "1e999"])
def test_a_number_that_is_none_or_too_small_is_refused_by_name(name: str, text: str) -> None:
    if text == "0" and name in MAY_BE_NOUGHT:
        assert getattr(load_settings({name: text}), name.lower()) == 0
        return
    with pytest.raises(SettingsError, match=f"{name} is '{text}'; expected a (whole )?number"):
        load_settings(LOOPBACK | {name: text})


@pytest.mark.parametrize(
    ("name", "most"),
    [("FIRST_WINDOW_DAYS", 3650), ("REREAD_DAYS", 30), ("MOST_PAGES_PER_RUN", 10_000), ("RAW_RETENTION_DAYS", 36_500)],
)
def test_a_whole_number_has_an_upper_end_which_belongs_to_it(name: str, most: int) -> None:
    assert getattr(load_settings({name: str(most)}), name.lower()) == most
    for text in (str(most + 1), "1.5", "9" * 400):
        with pytest.raises(SettingsError, match=f"{name} is .*; expected a whole number from . to {most}"):
            load_settings({name: text})


@pytest.mark.parametrize("foreign", LOOPBACK)
@pytest.mark.parametrize("rate_scale", ["1000", "0.5"])
def test_another_rate_than_amazons_is_for_this_machine_only(foreign: str, rate_scale: str) -> None:
    addresses = LOOPBACK | {foreign: "https://somewhere.example", "RATE_SCALE": rate_scale}
    with pytest.raises(SettingsError, match=f"RATE_SCALE is {rate_scale}, but {foreign} is not on this machine"):
        load_settings(addresses)
    assert load_settings(addresses | {"RATE_SCALE": "1.0"}).rate_scale == 1


def test_another_rate_is_allowed_where_every_address_is_on_this_machine() -> None:
    assert load_settings(LOOPBACK | {"RATE_SCALE": "1000"}).rate_scale == 1000


@pytest.mark.parametrize("name", LOOPBACK)
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://api.amazon.com", "expected https"),
        ("http://127.0.0.1.evil.example", "expected https"),
        ("http://192.168.1.7:8091", "expected https"),
        ("api.amazon.com", "starts with https"),
        ("ftp://api.amazon.com", "starts with https"),
        ("https:///path", "starts with https"),
        ("http://[::1", "starts with https"),
    ],
)
def test_an_address_that_would_carry_credentials_in_the_clear_is_refused_by_name(
    name: str, address: str, expected: str
) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is {re.escape(repr(address))}; .*{expected}"):
        load_settings({name: address})


def test_the_warehouses_password_stays_out_of_the_repr() -> None:
    settings = load_settings({"WAREHOUSE_DSN": "postgresql://loader:s3cr3t@db/warehouse"})
    assert "s3cr3t" not in repr(settings)
    assert "db/warehouse" not in repr(settings)


def test_the_keys_of_personal_data_stay_out_of_the_repr() -> None:
    assert "k3y" not in repr(load_settings({"PERSONAL_DATA_KEY": "k3y"}))


@pytest.mark.parametrize(("days", "law"), [("30", ""), ("1", ""), ("31", "§ 147 AO")])
def test_personal_data_are_kept_for_a_month_at_most_unless_a_law_is_named(days: str, law: str) -> None:
    wanted = {"PERSONAL_DATA_DAYS": days, "PERSONAL_DATA_LAW": law}
    assert load_settings(wanted).personal_data_days == int(days)


def test_personal_data_are_kept_no_longer_without_the_law_that_demands_it() -> None:
    with pytest.raises(SettingsError, match=r"PERSONAL_DATA_DAYS is 31; Amazon allows 30.*PERSONAL_DATA_LAW"):
        load_settings({"PERSONAL_DATA_DAYS": "31"})


def test_settings_do_not_change_after_they_were_checked() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_settings({}).rate_scale = 1000  # type: ignore[misc]


def test_the_local_stack_has_its_defaults() -> None:
    stack = load_stack_settings({})
    assert stack.run_dir == PROJECT_ROOT / ".run"
    assert (stack.ui_port, stack.warehouse_port, stack.fake_amazon_port) == (8080, 5433, 8091)
    assert (stack.fake_amazon, stack.postgres_bin, stack.order_files, stack.ui_password) == (True, None, {}, "")


def test_the_uis_password_stays_out_of_the_repr() -> None:
    assert "s3cr3t" not in repr(load_stack_settings({"UI_PASSWORD": "s3cr3t"}))


def test_whether_the_fake_amazon_stands_in_is_yes_or_no() -> None:
    assert [load_stack_settings({"FAKE_AMAZON": word}).fake_amazon for word in ("yes", "no")] == [True, False]
    with pytest.raises(SettingsError, match="FAKE_AMAZON is 'maybe'; expected"):
        load_stack_settings({"FAKE_AMAZON": "maybe"})


def test_every_name_of_the_local_stack_reaches_its_setting(tmp_path: Path) -> None:
    stack = load_stack_settings(
        {
            "RUN_DIR": str(tmp_path),
            "UI_PORT": "8081",
            "UI_PASSWORD": "s3cr3t",
            "FAKE_AMAZON": "no",
            "WAREHOUSE_PORT": "5434",
            "FAKE_AMAZON_PORT": "8092",
            "POSTGRES_BIN": "/usr/lib/postgresql/16/bin",
            "ORDERS": f"acme={tmp_path}/a.ndjson  other={tmp_path}/x=y.ndjson",
        }
    )
    assert stack == StackSettings(
        run_dir=tmp_path,
        ui_port=8081,
        ui_password="s3cr3t",
        fake_amazon=False,
        warehouse_port=5434,
        fake_amazon_port=8092,
        postgres_bin=Path("/usr/lib/postgresql/16/bin"),
        order_files={"acme": tmp_path / "a.ndjson", "other": tmp_path / "x=y.ndjson"},
    )


@pytest.mark.parametrize(
    "name", ["UI_PORT", "WAREHOUSE_PORT", "FAKE_AMAZON_PORT", "START_PAGE_PORT", "SMTP_PORT", "MAILS_PORT"]
)
@pytest.mark.parametrize("text", ["65536", "80.5", "0", "-1", "http"])
def test_what_is_no_port_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '{text}'; expected"):
        load_stack_settings({name: text})


@pytest.mark.parametrize("text", ["acme", "acme=", "=a.ndjson", "good=a.ndjson acme"])
def test_orders_that_are_no_pairs_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"ORDERS holds .*; expected SELLER=FILE"):
        load_stack_settings({"ORDERS": text})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("MAIL_TRANSPORT", "pigeon", "MAIL_TRANSPORT is 'pigeon'; expected smtp or ses"),
        ("MAIL_FROM", "nobody", "MAIL_FROM holds 'nobody'; expected a mail address"),
        ("OPERATOR_CONTACTS", "a@b.example, c", "OPERATOR_CONTACTS holds 'c'; expected a mail address"),
        ("PUBLIC_BASE_URL", "http://orders.example", "PUBLIC_BASE_URL is .*; expected https"),
        ("REMINDER_DAYS", "3,soon", "REMINDER_DAYS is 'soon'; expected a whole number from 1 to 365"),
        ("OPERATOR_NOTIFIER_ARGUMENTS", "[1]", "OPERATOR_NOTIFIER_ARGUMENTS is no JSON object"),
        ("LATE_AFTER_HOURS", "0", "LATE_AFTER_HOURS is '0'; expected a number, at least 1"),
        ("SILENT_AFTER_MINUTES", "15", "SILENT_AFTER_MINUTES is '15'; expected a whole number from 16"),
    ],
)
def test_a_setting_of_mails_that_cannot_be_used_is_refused_by_name(name: str, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        load_notification_settings({name: text})


def test_settings_of_mails_are_read_as_lists_days_and_arguments() -> None:
    settings = load_notification_settings(
        {
            "MAIL_TRANSPORT": "ses",
            "MAIL_FROM": "Müller & Söhne <orders@orders.example>",
            "OPERATOR_CONTACTS": "a@ops.example, b@ops.example",
            "OLD_APP_NAMES": "Old, Older",
            "REMINDER_DAYS": "2, 5",
            "OPERATOR_NOTIFIER_ARGUMENTS": '{"text": "{subject}"}',
            "SECRET_KEY": "hush",
        }
    )
    assert (settings.mail_connection_id, settings.reply_to) == ("aws_default", "a@ops.example")
    assert (settings.operator_contacts, settings.old_app_names) == (
        ("a@ops.example", "b@ops.example"),
        ("Old", "Older"),
    )
    assert (settings.reminder_days, settings.operator_notifier_arguments) == ((2, 5), {"text": "{subject}"})
    assert "hush" not in repr(settings)


def example_names() -> list[str]:
    lines = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return [match[1] for line in lines if (match := re.match(r"([A-Z][A-Z0-9_]+)=", line))]


def test_the_example_lists_exactly_the_names_that_are_read_here_or_by_compose() -> None:
    compose = (PROJECT_ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    read_by_compose = set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]+)", compose))
    assert sorted(example_names()) == sorted(names_read() | read_by_compose | {"COMPOSE_PROFILES"})


def test_the_example_says_of_each_setting_what_it_means() -> None:
    lines = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    settings = [line for line in lines if line and not line.startswith("#")]
    assert settings
    assert [line for line in settings if not re.fullmatch(r'[A-Z][A-Z0-9_]+="" +# \S.*', line)] == []


def test_the_example_copied_as_it_is_changes_nothing() -> None:
    show = "set -a; . ./.env.example; env -0"
    shown = subprocess.run(["/bin/sh", "-c", show], cwd=PROJECT_ROOT, env={}, capture_output=True, check=True)
    environment = dict(entry.split("=", 1) for entry in shown.stdout.decode().split("\0") if entry)
    assert set(example_names()) <= set(environment)
    assert load_settings(environment) == Settings()
    assert load_stack_settings(environment) == StackSettings()
    assert load_notification_settings(environment) == NotificationSettings()
    assert load_consent_settings(environment) == ConsentSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("TOKENS_IN", "vault"), ("AIRFLOW_API_URL", "airflow:8080"), ("SEND_REDIRECT_URI", "maybe")],
)
def test_a_consent_setting_that_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_consent_settings({name: value})


def test_the_applications_secret_and_airflows_password_show_nowhere() -> None:
    settings = load_consent_settings({"AMAZON_CLIENT_SECRET": "hush", "AIRFLOW_API_PASSWORD": "hush"})
    assert "hush" not in repr(settings)
