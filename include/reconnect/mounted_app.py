"""The sellers' pages inside Airflow's own server, for a laptop; in production they run alone, out of Airflow's origin.

They are here where PUBLIC_BASE_URL says so: `http://127.0.0.1:8080/seller-consent`.
"""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from include.consent.means import make_means
from include.reconnect import consent_app
from include.settings import load_consent_settings, load_notification_settings, load_settings

log = logging.getLogger(__name__)
PREFIX: Final = "/seller-consent"


class Unlogged:
    """Keeps addresses from the server around, whose access log is written when this has answered.

    They are signed links, and Amazon's code and our state on the way back. What the log shows instead is the prefix.

    Args:
        app: Gets the address as it came.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and blank what stays behind of it."""
        as_it_came = dict(scope)
        if scope["type"] == "http":
            scope.update(path=PREFIX, raw_path=PREFIX.encode(), query_string=b"")
        await self._app(as_it_came, receive, send)


def create_app() -> ASGIApp:
    """Build the sellers' pages, or an application of 404s where they are not to be here."""
    notifications = load_notification_settings()
    address = urlsplit(notifications.public_base_url)
    # The settings let http pass for this machine alone.
    if address.scheme != "http" or address.path != PREFIX:
        return Unlogged(Starlette())
    if not notifications.secret_key:
        log.error("The sellers' pages are not served: SECRET_KEY is not set.")
        return Unlogged(Starlette())
    return Unlogged(consent_app.create_app(make_means(load_settings(), notifications, load_consent_settings())))
