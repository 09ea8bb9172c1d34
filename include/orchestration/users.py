"""`python -m include.orchestration.users`: the cluster's roles and logins in Airflow's FAB auth manager.

A second call changes nothing but passwords, which become what the secrets say, and roles, which get what they lack.
"""

from __future__ import annotations

from typing import Any, Final

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from airflow.providers.fab.www.security import permissions

from include.errors import SettingsError
from include.settings import load_consent_settings, load_stack_settings

ADMIN: Final = "admin"
# Sees the operators' page and what it leads to, starts nothing and reads no secret: Airflow masks those.
SELLER_SUPPORT: Final = "Seller support"
# What `include.airflow_gateway` asks for, and not a permission more: a part of it answers the world.
SERVICE: Final = "Seller orders service"
EDITS: Final = (
    permissions.ACTION_CAN_CREATE,
    permissions.ACTION_CAN_READ,
    permissions.ACTION_CAN_EDIT,
    permissions.ACTION_CAN_DELETE,
)
ROLES: Final[dict[str, list[tuple[str, str]]]] = {
    SELLER_SUPPORT: [
        *FabAirflowSecurityManagerOverride.VIEWER_PERMISSIONS,
        (permissions.ACTION_CAN_READ, permissions.RESOURCE_CONNECTION),
        # Without this one Airflow's UI shows no page of a plugin in its menu and no tab on a DAG.
        (permissions.ACTION_CAN_READ, permissions.RESOURCE_PLUGIN),
    ],
    SERVICE: [
        *((action, permissions.RESOURCE_CONNECTION) for action in EDITS),
        (permissions.ACTION_CAN_READ, permissions.RESOURCE_DAG),
        (permissions.ACTION_CAN_EDIT, permissions.RESOURCE_DAG),
        *((action, permissions.RESOURCE_DAG_RUN) for action in EDITS[:3]),
        (permissions.ACTION_CAN_READ, permissions.RESOURCE_TASK_INSTANCE),
        (permissions.ACTION_CAN_READ, permissions.RESOURCE_IMPORT_ERROR),
    ],
}


def make_roles_and_logins(*, admin_password: str, service_user: str, service_password: str) -> None:
    """Make the roles of `ROLES`, the person `admin` and the user as whom the product asks Airflow's API."""
    with get_application_builder() as builder:
        manager = builder.sm
        manager.bulk_sync_roles([{"role": role, "perms": wanted} for role, wanted in ROLES.items()])
        _login(manager, ADMIN, admin_password, "Admin")
        _login(manager, service_user, service_password, SERVICE)


def _login(manager: Any, name: str, password: str, role: str) -> None:
    known = manager.find_user(username=name)
    if known is None:
        mail = f"{name}@seller-orders.invalid"
        known = manager.add_user(name, name, "Seller Orders", mail, manager.find_role(role), password)
        if not known:
            raise SettingsError(f"Airflow made no user {name}; its log says why.")
    elif not manager.check_password(name, password):
        manager.reset_password(known.id, password)


def main() -> None:
    """Do it with what the settings say.

    Raises:
        SettingsError: A password is missing.
    """
    consent = load_consent_settings()
    admin_password = load_stack_settings().ui_password
    for variable, password in (("UI_PASSWORD", admin_password), ("AIRFLOW_API_PASSWORD", consent.airflow_password)):
        if not password:
            raise SettingsError(f"{variable} is not set.")
    make_roles_and_logins(
        admin_password=admin_password,
        service_user=consent.airflow_user,
        service_password=consent.airflow_password,
    )


if __name__ == "__main__":
    main()
