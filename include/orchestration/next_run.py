"""How a run that could not finish starts its successor, and how one that could does without the task for it."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped

from include.orchestration.dag_parts import Step


class NextRun(TriggerDagRunOperator):
    """Starts this DAG's next run while extraction has more to ask for; skipped when the seller is current.

    Args:
        dag_id: This DAG.
        extract_task_id: The task whose result says whether there is more, and with what `conf` to go on.
    """

    def __init__(self, *, dag_id: str, extract_task_id: str, **kwargs: Any) -> None:
        super().__init__(trigger_dag_id=dag_id, **kwargs)
        self.extract_task_id = extract_task_id

    def execute(self, context: Any) -> None:
        """Trigger, or skip; a second call starts a second run, which finds the first one's work done."""
        extracted = context["ti"].xcom_pull(task_ids=self.extract_task_id) or {}
        if not extracted.get("more"):
            # Cleared by a person, alone or with the load: nobody else decides then.
            raise AirflowSkipException("Nothing is left to ask for.")
        self.conf = extracted["conf"]
        super().execute(context)


class Extraction(Step):
    """Calls a function whose result says whether there is `more`, and has the next run's task skipped where not.

    Almost every night is that of a seller who is current then, and a process that finds out costs as much as another.

    Args:
        next_run_task_id: The task to skip.
    """

    def __init__(self, *, next_run_task_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.next_run_task_id = next_run_task_id

    def execute(self, context: Any) -> Any:
        """Return the result; without more it is kept here, because what skips others returns nothing."""
        extracted = super().execute(context)
        if extracted["more"]:
            return extracted
        context["ti"].xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=extracted)
        raise DownstreamTasksSkipped(tasks=[self.next_run_task_id])  # type: ignore[no-untyped-call]
