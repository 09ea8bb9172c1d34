"""What the product's own processes and commands are told of the stack they run in, as environment variables."""

from __future__ import annotations

import os
from email.utils import parseaddr

from include.fake_amazon.client import FakeAmazonClient
from include.local_stack.airflow_processes import UI_USER
from include.local_stack.aws import LocalAws
from include.local_stack.passwords import Passwords
from include.settings import Settings, StackSettings


def start_page_url(settings: StackSettings) -> str:
    """Address of the sellers' start page."""
    return f"http://127.0.0.1:{settings.start_page_port}"


def register_application(amazon: FakeAmazonClient, settings: StackSettings) -> None:
    """Enter our addresses at the fake Amazon, as a person does in the developer console."""
    base_url = start_page_url(settings)
    amazon.register_application(redirect_uris=[f"{base_url}/callback"], login_uri=f"{base_url}/login")


def raw_url_of(settings: StackSettings, product: Settings) -> str:
    """Where the stack's pages land: where RAW_URL says, and where nobody set it, in the stack's folder."""
    return product.raw_url if product.raw_url != Settings().raw_url else f"file://{settings.run_dir / 'raw'}"


def product_environment(
    settings: StackSettings, passwords: Passwords, product: Settings, amazon: FakeAmazonClient | None, loader_dsn: str
) -> dict[str, str]:
    """Return the product's variables, those of a person's own left as they are where the stack has no say.

    Raises:
        TransportError: The fake Amazon, which knows what our application is called there, does not answer.
    """
    environment = {
        "WAREHOUSE_DSN": loader_dsn,
        "RAW_URL": raw_url_of(settings, product),
        "SELLERS_FILE": str(product.sellers_file),
        "AIRFLOW_API_URL": f"http://127.0.0.1:{settings.ui_port}",
        "AIRFLOW_API_USER": UI_USER,
        "AIRFLOW_API_PASSWORD": passwords.ui,
    }
    defaults = {
        "SECRET_KEY": passwords.secret_key,
        "PERSONAL_DATA_KEY": passwords.personal_data_key,
        "PUBLIC_BASE_URL": start_page_url(settings),
        "MAIL_FROM": "Seller Orders <orders@seller-orders.example>",
        "OPERATOR_CONTACTS": "operators@seller-orders.example",
    }
    environment |= {name: os.environ.get(name) or value for name, value in defaults.items()}
    if amazon:
        environment |= _fake_amazons(amazon, settings, product)
    if settings.aws:
        environment |= LocalAws(settings.aws_port).environment()
    return environment


def inherited_environment(settings: StackSettings) -> dict[str, str]:
    """Return our own environment, without a person's AWS account where a stand-in plays AWS."""
    return {name: value for name, value in os.environ.items() if not (settings.aws and name.startswith("AWS_"))}


def mail_address(product: dict[str, str]) -> str:
    """The sender's bare address."""
    return parseaddr(product["MAIL_FROM"])[1]


def _fake_amazons(amazon: FakeAmazonClient, settings: StackSettings, product: Settings) -> dict[str, str]:
    address = f"http://127.0.0.1:{settings.fake_amazon_port}"
    application = amazon.application()
    return {
        **{f"SPAPI_ENDPOINT_{region.upper()}": f"{address}/{region}" for region in product.spapi_endpoints},
        "LWA_TOKEN_URL": f"{address}/auth/o2/token",
        "RATE_SCALE": f"{settings.rate_scale:g}",
        "SELLER_CENTRAL_URL": amazon.seller_central_url,
        "AMAZON_APPLICATION_ID": application.application_id,
        "AMAZON_CLIENT_ID": application.client_id,
        "AMAZON_CLIENT_SECRET": application.client_secret,
        # What happens at the fake Amazon is no real seller's or operator's business, whatever .env holds for a server.
        "PUBLIC_BASE_URL": start_page_url(settings),
        "TOKENS_IN": "",
        "SECRETS_PREFIX": "",
        "SEND_REDIRECT_URI": "",
        "AMAZON_APPLICATION_IS_DRAFT": "",
        "TRUSTED_PROXIES": "",
        "LOG_FORMAT": "",
        "MAIL_TRANSPORT": "",
        "MAIL_CONNECTION_ID": "",
        "OPERATOR_NOTIFIER": "",
    }
