"""The product's settings: Amazon's addresses, windows and limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from include.errors import SettingsError
from include.settings.reading import LOOPBACK_HOSTS, environment, number, require_address, whole_number, words

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
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
# Amazon's Data Protection Policy: no longer, unless a law demands it.
MOST_PERSONAL_DATA_DAYS = 30
DEFAULT_INCLUDED_DATA = "PROCEEDS,FULFILLMENT,PROMOTION,EXPENSE,CANCELLATION,PACKAGES"
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
        secret_key: Keys the fingerprints of refresh tokens and signs links; out of the repr too.
        old_secret_keys: Earlier ones, which still open what was sealed with them; out of the repr.
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
        retry_delay_s: Seconds before a failed task of a seller is tried again; twice that the next time, and so on.
        raw_retention_days: Days that landed pages are kept once they are loaded.
        personal_data_keys: Fernet keys of landed personal data; the first encrypts, each decrypts. Out of the repr.
        personal_data_days: Days after delivery that personal data stay; more than 30 only with the next one.
        personal_data_law: The law that demands to keep them longer.
        http_timeout_s: Seconds to wait for Amazon to connect, and again for each part of its answer.
    """

    sellers_file: Path = PROJECT_ROOT / "include" / "sellers.yaml"
    secret_key: str = field(default="", repr=False)
    old_secret_keys: tuple[str, ...] = field(default=(), repr=False)
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
    retry_delay_s: float = 60.0
    raw_retention_days: int = 90
    personal_data_keys: tuple[str, ...] = field(default=(), repr=False)
    personal_data_days: int = MOST_PERSONAL_DATA_DAYS
    personal_data_law: str = ""
    http_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse combinations that could hurt: a scaled rate against anything but this machine."""
        addresses = {**{f"SPAPI_ENDPOINT_{r.upper()}": u for r, u in self.spapi_endpoints.items()}}
        addresses["LWA_TOKEN_URL"] = self.lwa_token_url
        for name, address in addresses.items():
            require_address(name, address)
        foreign = [name for name, address in addresses.items() if urlsplit(address).hostname not in LOOPBACK_HOSTS]
        if self.rate_scale != 1 and foreign:
            raise SettingsError(
                f"RATE_SCALE is {self.rate_scale:g}, but {foreign[0]} is not on this machine.",
                remedy="Remove RATE_SCALE, or point every Amazon address at a loopback server.",
            )
        if self.personal_data_days > MOST_PERSONAL_DATA_DAYS and not self.personal_data_law:
            raise SettingsError(
                f"PERSONAL_DATA_DAYS is {self.personal_data_days}; Amazon allows {MOST_PERSONAL_DATA_DAYS}.",
                remedy="Lower it, or name the law that demands more in PERSONAL_DATA_LAW.",
            )


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment (or a mapping that stands for it).

    An empty value means the default, so that a line of `.env.example` may stay as it is.

    Raises:
        SettingsError: A value is not usable; the message names the variable and what is expected.
    """
    env = environment(environ)
    fallback = Settings()

    def text(name: str, default: str) -> str:
        return env.get(name, "").strip() or default

    included = tuple(word.strip() for word in text("INCLUDED_DATA", DEFAULT_INCLUDED_DATA).split(",") if word.strip())
    for word in included:
        if word not in INCLUDED_DATA:
            raise SettingsError(f"INCLUDED_DATA holds {word!r}; expected words of {', '.join(INCLUDED_DATA)}.")
    return Settings(
        sellers_file=PROJECT_ROOT / text("SELLERS_FILE", str(fallback.sellers_file)),
        secret_key=text("SECRET_KEY", ""),
        old_secret_keys=words(env, "OLD_SECRET_KEYS"),
        warehouse_dsn=text("WAREHOUSE_DSN", ""),
        raw_url=text("RAW_URL", fallback.raw_url),
        lwa_token_url=text("LWA_TOKEN_URL", fallback.lwa_token_url),
        spapi_endpoints={r: text(f"SPAPI_ENDPOINT_{r.upper()}", u).rstrip("/") for r, u in AMAZON_ENDPOINTS.items()},
        seller_central_url=text("SELLER_CENTRAL_URL", "").rstrip("/"),
        rate_scale=number(env, "RATE_SCALE", 1.0, least=0.001),
        included_data=included,
        first_window_days=whole_number(env, "FIRST_WINDOW_DAYS", 30, least=1, most=3650),
        overlap_hours=number(env, "OVERLAP_HOURS", 6.0, least=0),
        reread_days=whole_number(env, "REREAD_DAYS", 7, least=0, most=30),
        most_pages_per_run=whole_number(env, "MOST_PAGES_PER_RUN", 200, least=1, most=10_000),
        most_hours_per_run=number(env, "MOST_HOURS_PER_RUN", 4.0, least=0.1),
        retry_delay_s=number(env, "RETRY_DELAY_S", 60.0, least=1),
        raw_retention_days=whole_number(env, "RAW_RETENTION_DAYS", 90, least=1, most=36_500),
        personal_data_keys=tuple(key.strip() for key in env.get("PERSONAL_DATA_KEY", "").split(",") if key.strip()),
        personal_data_days=whole_number(env, "PERSONAL_DATA_DAYS", MOST_PERSONAL_DATA_DAYS, least=1, most=3650),
        personal_data_law=text("PERSONAL_DATA_LAW", ""),
        http_timeout_s=number(env, "HTTP_TIMEOUT_S", 30.0, least=1),
    )
