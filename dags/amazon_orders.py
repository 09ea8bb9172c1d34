"""Loads one Amazon seller's orders every night: everything that changed since the last run.

| | |
|---|---|
| When | once a night, at the seller's minute (sellers.yaml); by hand at any time |
| In | Amazon's Orders API v2026-01-01, from the last night's unsettled hours to two minutes ago |
| Out | `amazon.orders` and what belongs to them; the Asset `amazon_orders/<seller>` with rows and watermark |
| State | `ops.extraction_window` and `ops.watermark`; a run that fails loses nothing, the next one goes on |
| Again | trigger with `from_utc` and `to_utc`: reads a past stretch again, the watermark stays |

A large gap is worked through slice by slice: `extract_orders` gives its worker back while Amazon's quota fills or
Amazon fails (*up for reschedule*, the log says until when), `load_orders` loads what is complete, and while there is
more `next_run` starts the next run; else `extract_orders` has it skipped. After a failure `notify_reconnect` tells the
one who can act.

**When a task is red**

- `validate_authorization`: the log's line *Task failed with exception* says who acts. *Reauthorization required*: the
  seller must authorize the app again, and is mailed. *Application credentials*: the client secret of the Connection
  `amazon_application` is wrong or older than 180 days. *Access denied*: roles, marketplaces or the seller's account.
  *Settings*: the entry in sellers.yaml or the Connection; the field is named.
- `extract_orders`: Amazon failed for more than 30 minutes; it repeats by itself and goes on with the next page. A
  *contract* error names the JSON path where Amazon's answer is not as documented.
- `load_orders`: the warehouse is away or refused rows. The landed pages stay: mend the cause, clear the task. A single
  order that cannot be read does not stop it: it is counted as *rejected*.

More in docs/runbook.md.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, get_parsing_context

from include.orchestration import dag_parts
from include.orchestration.next_run import Extraction, NextRun
from include.orchestration.stretch_params import stretch_params
from include.sellers.registry import DAG_ID_PREFIX, MisconfiguredSeller, Seller, load_sellers
from include.settings import Settings, load_settings


def orders_dag(entry: Seller | MisconfiguredSeller, settings: Settings) -> DAG:
    """Make the DAG of one entry of sellers.yaml; a misconfigured entry gets one too, whose first task says why."""
    seller_id = entry.dag_id.removeprefix(DAG_ID_PREFIX)
    orders = dag_parts.orders_asset(seller_id)

    with DAG(
        dag_id=entry.dag_id,
        dag_display_name=dag_parts.display_name(entry),
        schedule=dag_parts.nightly(entry),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=dag_parts.tags(entry),
        doc_md=dag_parts.page(entry, settings, __doc__ or ""),
        params=stretch_params(),
        default_args=dag_parts.task_defaults(settings),
    ) as dag:

        def validate_authorization() -> dict[str, Any]:
            """Ask Amazon whether the authorization still holds, and where the seller trades."""
            from include.orchestration import seller_tasks

            return seller_tasks.validate(seller_id)

        def extract_orders(*, dag_run: Any, params: Any) -> dict[str, Any]:
            """Land every page of what changed since the last time, or of the stretch that `params` name."""
            from include.orchestration import seller_tasks

            return seller_tasks.extract(
                seller_id, run_id=dag_run.run_id, begun_utc=dag_run.start_date, params=dict(params)
            )

        def load_orders(*, outlet_events: Any) -> dict[str, Any]:
            """Load what landed, move the watermark, tell both to whoever listens to the Asset."""
            from include.orchestration import seller_tasks

            loaded = seller_tasks.load(seller_id)
            outlet_events[orders].extra = {name: loaded[name] for name in ("rows", "rejected", "watermark")}
            return loaded

        def notify_reconnect(**context: Any) -> dict[str, Any]:
            """Tell the one who can act: the seller with a link, or the operators; skipped when all went well."""
            from include.orchestration import notification_tasks

            return notification_tasks.notify(seller_id, context, failed_tasks=[step.task_id for step in steps])

        complete = EmptyOperator(task_id="complete")

        validate = dag_parts.step(validate_authorization)
        extract = dag_parts.step(extract_orders, Extraction, next_run_task_id="next_run")
        load = dag_parts.step(load_orders, outlets=[orders])
        next_run = NextRun(task_id="next_run", dag_id=entry.dag_id, extract_task_id=extract.task_id)
        steps = [validate, extract, load]
        validate >> extract >> load >> [complete, next_run]
        steps >> dag_parts.after_a_failure(notify_reconnect)
    return dag


settings = load_settings()
# A task's process needs its own DAG only: with a thousand sellers that is a second of parsing saved, every task.
for entry in load_sellers(settings.sellers_file, dag_id=get_parsing_context().dag_id):
    orders_dag(entry, settings)
