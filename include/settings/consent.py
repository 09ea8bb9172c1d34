"""The way back through Amazon's consent page: our application's name at Amazon, and how Airflow is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import urlsplit

from include.errors import SettingsError
from include.settings.reading import environment, words, yes_or_no

TokensIn = Literal["airflow", "secrets_manager"]
LogFormat = Literal["text", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSettings:
    """What sellers' consents need beside the settings of product and mails.

    Airflow's REST API masks secrets, so the application's credentials stand here too.

    Attributes:
        application_id: `amzn1.sp.solution.…`, which Amazon's consent page asks for; "" turns the button off.
        client_id: Login with Amazon's client id.
        client_secret: Its secret; out of the repr.
        is_draft: Whether the application is still a draft at Amazon (`version=beta`).
        sends_redirect_uri: Whether to name our callback to Amazon; without it the first registered one counts.
        tokens_in: Where refresh tokens are stored: Airflow's Connections, or AWS Secrets Manager.
        secrets_prefix: Name of a Connection's secret up to its id, as Airflow's backend is set.
        airflow_url: Airflow's api-server.
        airflow_user: Who may edit Connections and start runs there.
        airflow_password: That user's password; out of the repr.
        trusted_proxies: Addresses whose `X-Forwarded-For` tells who asks; none by default.
        log_format: How the start page writes its log: lines to read, or a JSON object each.
    """

    application_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    is_draft: bool = False
    sends_redirect_uri: bool = True
    tokens_in: TokensIn = "airflow"
    secrets_prefix: str = "airflow/connections"
    airflow_url: str = "http://127.0.0.1:8080"
    airflow_user: str = "admin"
    airflow_password: str = field(default="", repr=False)
    trusted_proxies: tuple[str, ...] = ()
    log_format: LogFormat = "text"


def load_consent_settings(environ: Mapping[str, str] | None = None) -> ConsentSettings:
    """Read them from the environment (or a mapping that stands for it); an empty value means the default.

    Raises:
        SettingsError: A value is not usable; the message names the variable and what is expected.
    """
    env = environment(environ)
    default = ConsentSettings()

    def text(name: str, otherwise: str = "") -> str:
        return env.get(name, "").strip() or otherwise

    tokens_in = text("TOKENS_IN", default.tokens_in)
    if tokens_in not in ("airflow", "secrets_manager"):
        raise SettingsError(f"TOKENS_IN is {tokens_in!r}; expected airflow or secrets_manager.")
    log_format = text("LOG_FORMAT", default.log_format)
    if log_format not in ("text", "json"):
        raise SettingsError(f"LOG_FORMAT is {log_format!r}; expected text or json.")
    airflow_url = text("AIRFLOW_API_URL", default.airflow_url).rstrip("/")
    if urlsplit(airflow_url).scheme not in ("http", "https") or not urlsplit(airflow_url).hostname:
        raise SettingsError(
            f"AIRFLOW_API_URL is {airflow_url!r}; expected an address that starts with https:// or http://."
        )
    return ConsentSettings(
        application_id=text("AMAZON_APPLICATION_ID"),
        client_id=text("AMAZON_CLIENT_ID"),
        client_secret=text("AMAZON_CLIENT_SECRET"),
        is_draft=yes_or_no(env, "AMAZON_APPLICATION_IS_DRAFT", default.is_draft),
        sends_redirect_uri=yes_or_no(env, "SEND_REDIRECT_URI", default.sends_redirect_uri),
        tokens_in=cast("TokensIn", tokens_in),
        secrets_prefix=text("SECRETS_PREFIX", default.secrets_prefix),
        airflow_url=airflow_url,
        airflow_user=text("AIRFLOW_API_USER", default.airflow_user),
        airflow_password=text("AIRFLOW_API_PASSWORD"),
        trusted_proxies=words(env, "TRUSTED_PROXIES"),
        log_format=cast("LogFormat", log_format),
    )
