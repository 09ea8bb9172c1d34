"""python-amazon-sp-api only reading orders, into what JSON gives."""

from __future__ import annotations

import json
import sys

from python_amazon_sp_api_client import open_orders
from spent import say


def main() -> None:
    """Read what standard input asks for."""
    asked = json.load(sys.stdin)
    with open_orders(asked) as client:
        say(sum(len(page.orders) for page in client.every_page(**asked["query"])))


if __name__ == "__main__":
    main()
