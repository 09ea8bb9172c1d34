"""An application that is imported with its first request: every process of Airflow reads the plugins, few need them."""

from __future__ import annotations

import importlib

from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """Stands for an application.

    Args:
        module: Where it is made.
        factory: By which function, without arguments.
    """

    def __init__(self, module: str, factory: str) -> None:
        self._module = module
        self._factory = factory
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the application."""
        if self._app is None:
            self._app = getattr(importlib.import_module(self._module), self._factory)()
        await self._app(scope, receive, send)
