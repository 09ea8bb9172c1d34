"""The only reader of the environment: one frozen object, checked once, units in the names.

`.env.example` lists every variable with its meaning; a test holds the two together. Credentials are not settings:
they live in Airflow Connections.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from include.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
INCLUDED_DATA = (
    "BUYER",
    "RECIPIENT",
    "PROCEEDS",
    "EXPENSE",
    "PROMOTION",
    "CANCELLATION",
    "FULFILLMENT",
    "PACKAGES",
    "TAX",
    "PAYMENT",
    "FULFILLMENT_ORDERS",
)
DEFAULT_INCLUDED_DATA = "PROCEEDS,FULFILLMENT,PROMOTION,EXPENSE,CANCELLATION,PACKAGES"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
AMAZON_ENDPOINTS = {
    "eu": "https://sellingpartnerapi-eu.amazon.com",
    "na": "https://sellingpartnerapi-na.amazon.com",
    "fe": "https://sellingpartnerapi-fe.amazon.com",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of the product, with Amazon's own addresses as defaults.

    Attributes:
        sellers_file: The YAML file that names the sellers.
        warehouse_dsn: libpq URL of the database that holds `amazon` and `ops`; it may carry a password, so it stays
            out of the repr.
        raw_url: Where landed pages go, any address fsspec knows.
        lwa_token_url: Login with Amazon's token endpoint, one for all regions.
        spapi_endpoints: Selling Partner API base address by region.
        seller_central_url: Overrides every marketplace's Seller Central address; "" means Amazon's own.
        rate_scale: Factor on every documented request rate; other than 1 only with loopback endpoints.
        included_data: The `includedData` words that searchOrders is asked for.
        first_window_days: How far back the first run of a seller without a start date reaches.
        overlap_hours: How late an order may appear in Amazon's index and still be found the night after.
        reread_days: How far back the weekly second look reaches; 0 for none.
        most_pages_per_run: Pages after which a run loads what it has and lets the next run go on.
        most_hours_per_run: Hours after which it does so.
        raw_retention_days: Days that landed pages are kept once they are loaded.
        http_timeout_s: Seconds to wait for Amazon to connect, and again for each part of its answer.
    """

    sellers_file: Path = PROJECT_ROOT / "include" / "sellers.yaml"
    warehouse_dsn: str = field(default="", repr=False)
    # Not `as_uri()`: fsspec takes `%20` for a folder's name.
    raw_url: str = f"file://{PROJECT_ROOT / '.run' / 'raw'}"
    lwa_token_url: str = "https://api.amazon.com/auth/o2/token"  # noqa: S105 - an address
    spapi_endpoints: Mapping[str, str] = field(default_factory=lambda: dict(AMAZON_ENDPOINTS))
    seller_central_url: str = ""
    rate_scale: float = 1.0
    included_data: tuple[str, ...] = tuple(DEFAULT_INCLUDED_DATA.split(","))
    first_window_days: int = 30
    overlap_hours: float = 6.0
    reread_days: int = 7
    most_pages_per_run: int = 200
    most_hours_per_run: float = 4.0
    raw_retention_days: int = 90
    http_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse combinations that could hurt: a scaled rate against anything but this machine."""
        addresses = {**{f"SPAPI_ENDPOINT_{r.upper()}": u for r, u in self.spapi_endpoints.items()}}
        addresses["LWA_TOKEN_URL"] = self.lwa_token_url
        for name, address in addresses.items():
            _require_address(name, address)
        foreign = [name for name, address in addresses.items() if urlsplit(address).hostname not in LOOPBACK_HOSTS]
        if self.rate_scale != 1 and foreign:
            raise SettingsError(
                f"RATE_SCALE is {self.rate_scale:g}, but {foreign[0]} is not on this machine.",
                remedy="Remove RATE_SCALE, or point every Amazon address at a loopback server.",
            )


def _require_address(name: str, address: str) -> None:
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"{name} is {address!r}; expected an address that starts with https:// or http://.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise SettingsError(f"{name} is {address!r}; expected https, because credentials travel there.")


def _number(environ: Mapping[str, str], name: str, default: float, *, least: float) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number < float("inf"):
        raise SettingsError(f"{name} is {text!r}; expected a number, at least {least:g}.")
    return number


def _whole_number(environ: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or not least <= int(text) <= most:
        raise SettingsError(f"{name} is {text!r}; expected a whole number from {least} to {most}.")
    return int(text)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment (or a mapping that stands for it).

    An empty value means the default, so that a line of `.env.example` may stay as it is.

    Raises:
        SettingsError: A value is not usable; the message names the variable and what is expected.
    """
    env = os.environ if environ is None else environ
    fallback = Settings()

    def text(name: str, default: str) -> str:
        return env.get(name, "").strip() or default

    included = tuple(word.strip() for word in text("INCLUDED_DATA", DEFAULT_INCLUDED_DATA).split(",") if word.strip())
    for word in included:
        if word not in INCLUDED_DATA:
            raise SettingsError(f"INCLUDED_DATA holds {word!r}; expected words of {', '.join(INCLUDED_DATA)}.")
    return Settings(
        sellers_file=PROJECT_ROOT / text("SELLERS_FILE", str(fallback.sellers_file)),
        warehouse_dsn=text("WAREHOUSE_DSN", ""),
        raw_url=text("RAW_URL", fallback.raw_url),
        lwa_token_url=text("LWA_TOKEN_URL", fallback.lwa_token_url),
        spapi_endpoints={r: text(f"SPAPI_ENDPOINT_{r.upper()}", u).rstrip("/") for r, u in AMAZON_ENDPOINTS.items()},
        seller_central_url=text("SELLER_CENTRAL_URL", "").rstrip("/"),
        rate_scale=_number(env, "RATE_SCALE", 1.0, least=0.001),
        included_data=included,
        first_window_days=_whole_number(env, "FIRST_WINDOW_DAYS", 30, least=1, most=3650),
        overlap_hours=_number(env, "OVERLAP_HOURS", 6.0, least=0),
        reread_days=_whole_number(env, "REREAD_DAYS", 7, least=0, most=30),
        most_pages_per_run=_whole_number(env, "MOST_PAGES_PER_RUN", 200, least=1, most=10_000),
        most_hours_per_run=_number(env, "MOST_HOURS_PER_RUN", 4.0, least=0.1),
        raw_retention_days=_whole_number(env, "RAW_RETENTION_DAYS", 90, least=1, most=36_500),
        http_timeout_s=_number(env, "HTTP_TIMEOUT_S", 30.0, least=1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """Settings of everything on one machine, as `make run` starts it.

    Attributes:
        run_dir: Holds all data, logs and passwords of the local stack; `make clean` deletes it.
        ui_port: Airflow's UI and API.
        warehouse_port: The embedded PostgreSQL.
        fake_amazon: Whether the fake Amazon stands in; without it the product's own addresses count.
        fake_amazon_port: The fake Amazon.
        rate_scale: Factor on Amazon's documented request rates, for the fake Amazon and those who ask it.
        postgres_bin: Folder with `initdb` and `postgres` to use instead of the embedded ones.
        order_files: By seller id, a file of Orders v2026-01-01 that the fake Amazon shows instead of its own orders.
        ui_password: Password of Airflow's user admin where somebody else made it; "" where `make run` does.
    """

    run_dir: Path = PROJECT_ROOT / ".run"
    ui_port: int = 8080
    warehouse_port: int = 5433
    fake_amazon: bool = True
    fake_amazon_port: int = 8091
    rate_scale: float = 1000.0
    postgres_bin: Path | None = None
    order_files: Mapping[str, Path] = field(default_factory=dict)
    ui_password: str = field(default="", repr=False)


def load_stack_settings(environ: Mapping[str, str] | None = None) -> StackSettings:
    """Read the local stack's settings from the environment (or a mapping that stands for it).

    Raises:
        SettingsError: A value is not usable; the message names the variable and what is expected.
    """
    env = os.environ if environ is None else environ
    default = StackSettings()

    def port(name: str, otherwise: int) -> int:
        return _whole_number(env, name, otherwise, least=1, most=65535)

    postgres_bin = env.get("POSTGRES_BIN", "").strip()
    return StackSettings(
        run_dir=PROJECT_ROOT / (env.get("RUN_DIR", "").strip() or default.run_dir),
        ui_port=port("UI_PORT", default.ui_port),
        warehouse_port=port("WAREHOUSE_PORT", default.warehouse_port),
        fake_amazon=_yes_or_no(env, "FAKE_AMAZON", default.fake_amazon),
        fake_amazon_port=port("FAKE_AMAZON_PORT", default.fake_amazon_port),
        rate_scale=_number(env, "RATE_SCALE", default.rate_scale, least=0.001),
        postgres_bin=Path(postgres_bin) if postgres_bin else None,
        order_files=_order_files(env.get("ORDERS", "")),
        ui_password=env.get("UI_PASSWORD", "").strip(),
    )


def _yes_or_no(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in ("", "yes", "no"):
        raise SettingsError(f"{name} is {text!r}; expected yes or no.")
    return text == "yes" if text else default


def _order_files(text: str) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for pair in text.split():
        seller_id, equals, path = pair.partition("=")
        if not (seller_id and equals and path):
            raise SettingsError(f"ORDERS holds {pair!r}; expected SELLER=FILE, several with a space between.")
        files[seller_id] = Path(path).resolve()
    return files
