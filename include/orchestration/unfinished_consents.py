"""Finishes consents that a crash or a passing trouble left on their way; a door from tasks to `include.consent`."""

from __future__ import annotations

import logging

from include.authorization import consent_state
from include.settings import Settings, load_consent_settings, load_notification_settings
from include.warehouse.connection import Connection

log = logging.getLogger(__name__)


def finish_consents(connection: Connection, settings: Settings, *, seller_id: str | None = None) -> int:
    """Finish them, of one seller or of all; what still cannot go on waits for the next time.

    Returns:
        How many there were.
    """
    unfinished = consent_state.unfinished(connection, seller_id)
    if not unfinished:
        return 0
    # Rarely needed, and the gateway brings its weight along.
    from include.consent.completion import finish_all  # noqa: PLC0415
    from include.consent.means import make_means  # noqa: PLC0415

    means = make_means(settings, load_notification_settings(), load_consent_settings())
    for result in finish_all(connection, means, seller_id=seller_id):
        log.info("consent %s: %s", result.consent_id, result.outcome)
    return len(unfinished)
