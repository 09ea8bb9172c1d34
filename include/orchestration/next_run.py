"""The operator with which a run that could not finish starts its successor."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk.exceptions import AirflowSkipException


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
            raise AirflowSkipException("Nothing is left to ask for.")
        self.conf = extracted["conf"]
        super().execute(context)
