"""The only reader of the environment: frozen objects, checked once, units in the names.

`.env.example` lists every variable with its meaning; a test holds the two together. Amazon's credentials are not
settings: they live in Airflow Connections.
"""

from __future__ import annotations

from include.settings.consent import ConsentSettings, load_consent_settings
from include.settings.local import StackSettings, load_stack_settings
from include.settings.notifications import NotificationSettings, load_notification_settings
from include.settings.product import (
    AMAZON_ENDPOINTS,
    DEFAULT_INCLUDED_DATA,
    PROJECT_ROOT,
    Settings,
    load_settings,
)

__all__ = [
    "AMAZON_ENDPOINTS",
    "DEFAULT_INCLUDED_DATA",
    "PROJECT_ROOT",
    "ConsentSettings",
    "NotificationSettings",
    "Settings",
    "StackSettings",
    "load_consent_settings",
    "load_notification_settings",
    "load_settings",
    "load_stack_settings",
]
