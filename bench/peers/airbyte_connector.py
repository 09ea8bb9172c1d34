"""Airbyte's source-amazon-seller-partner, pointed at an Amazon on loopback: `airbyte_connector.py COMMAND ...`.

PyAirbyte starts it as its connector, with the connector's own Python. It takes no other address by itself. AMAZON_URL
says where Amazon is; NO_BUDGET=1 takes its own brake off; SHORTENED=20 makes each of its waits so much shorter.
"""

from __future__ import annotations

import os

from source_amazon_seller_partner import source
from source_amazon_seller_partner.components.auth import AmazonSPOauthAuthenticator
from source_amazon_seller_partner.run import run
from waits import shorten_waits


def main() -> None:
    """Do what the command line says."""
    amazon_url = os.environ["AMAZON_URL"]
    places = {"DE": (amazon_url, "A1PA6795UKMFR9", "eu-west-1")}
    source.get_marketplaces = lambda _environment: places
    AmazonSPOauthAuthenticator.get_token_refresh_endpoint = lambda _self: f"{amazon_url}/auth/o2/token"
    if os.environ.get("NO_BUDGET"):
        _without_budget()
    shorten_waits(float(os.environ.get("SHORTENED", "1")))
    run()


def _without_budget() -> None:
    read = source.YamlDeclarativeSource._read_and_parse_yaml_file  # noqa: SLF001 - it has no other way

    def read_without(self: source.YamlDeclarativeSource, path: str) -> object:
        return {name: value for name, value in read(self, path).items() if name != "api_budget"}

    source.YamlDeclarativeSource._read_and_parse_yaml_file = read_without  # noqa: SLF001


if __name__ == "__main__":
    main()
