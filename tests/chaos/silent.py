"""The product, broken on purpose: of a refused authorization it tells nobody. The judge must find that."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

from include.notifications.meanings import REFUSED
from tests.chaos.tries import Job


def run(job: Job, line: Connection, output: Connection) -> None:
    """In place of `tests.chaos.tries._run`, in the process of a try."""
    from include.orchestration import notification_tasks
    from tests.chaos.worker import main

    report_failure = notification_tasks.report_failure

    def silent(*arguments: Any, **named: Any) -> Any:
        *_, failure = arguments
        return None if failure.error_class == REFUSED else report_failure(*arguments, **named)

    notification_tasks.report_failure = silent
    main(job, line, output)
