"""Settings of everything on one machine, as `make run` starts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from include.errors import SettingsError
from include.settings.product import PROJECT_ROOT
from include.settings.reading import environment, number, whole_number, yes_or_no


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """Settings of everything on one machine, as `make run` starts it.

    Attributes:
        run_dir: Holds all data, logs and passwords of the local stack; `make clean` deletes it.
        ui_port: Airflow's UI and API.
        warehouse_port: The embedded PostgreSQL.
        start_page_port: The sellers' start page.
        smtp_port: The mail sink, which takes every mail and sends none.
        mails_port: The page that shows them.
        fake_amazon: Whether the fake Amazon stands in; without it the product's own addresses count.
        fake_amazon_port: The fake Amazon.
        rate_scale: Factor on Amazon's documented request rates, for the fake Amazon and those who ask it.
        aws: Whether S3, SES and Secrets Manager stand in, as moto plays them; a command says it, not the environment.
        aws_port: They.
        postgres_bin: Folder with `initdb` and `postgres` to use instead of the embedded ones.
        order_files: By seller id, a file of Orders v2026-01-01 that the fake Amazon shows instead of its own orders.
        ui_password: Password of Airflow's user admin where somebody else made it; "" where `make run` does.
    """

    run_dir: Path = PROJECT_ROOT / ".run"
    ui_port: int = 8080
    warehouse_port: int = 5433
    start_page_port: int = 8092
    smtp_port: int = 8093
    mails_port: int = 8094
    fake_amazon: bool = True
    fake_amazon_port: int = 8091
    rate_scale: float = 1000.0
    aws: bool = False
    aws_port: int = 8095
    postgres_bin: Path | None = None
    order_files: Mapping[str, Path] = field(default_factory=dict)
    ui_password: str = field(default="", repr=False)


def load_stack_settings(environ: Mapping[str, str] | None = None) -> StackSettings:
    """Read the local stack's settings from the environment (or a mapping that stands for it).

    Raises:
        SettingsError: A value is not usable; the message names the variable and what is expected.
    """
    env = environment(environ)
    default = StackSettings()

    def port(name: str, otherwise: int) -> int:
        return whole_number(env, name, otherwise, least=1, most=65535)

    postgres_bin = env.get("POSTGRES_BIN", "").strip()
    return StackSettings(
        run_dir=PROJECT_ROOT / (env.get("RUN_DIR", "").strip() or default.run_dir),
        ui_port=port("UI_PORT", default.ui_port),
        warehouse_port=port("WAREHOUSE_PORT", default.warehouse_port),
        start_page_port=port("START_PAGE_PORT", default.start_page_port),
        smtp_port=port("SMTP_PORT", default.smtp_port),
        mails_port=port("MAILS_PORT", default.mails_port),
        fake_amazon=yes_or_no(env, "FAKE_AMAZON", default.fake_amazon),
        fake_amazon_port=port("FAKE_AMAZON_PORT", default.fake_amazon_port),
        rate_scale=number(env, "RATE_SCALE", default.rate_scale, least=0.001),
        aws_port=port("AWS_PORT", default.aws_port),
        postgres_bin=Path(postgres_bin) if postgres_bin else None,
        order_files=_order_files(env.get("ORDERS", "")),
        ui_password=env.get("UI_PASSWORD", "").strip(),
    )


def _order_files(text: str) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for pair in text.split():
        seller_id, equals, path = pair.partition("=")
        if not (seller_id and equals and path):
            raise SettingsError(f"ORDERS holds {pair!r}; expected SELLER=FILE, several with a space between.")
        files[seller_id] = Path(path).resolve()
    return files
