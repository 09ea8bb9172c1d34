"""Loads one Amazon seller's orders every night: everything that changed since the last run.

| | |
|---|---|
| When | once a night, at the seller's minute (sellers.yaml); by hand at any time |
| In | Amazon's Orders API v2026-01-01, from the watermark to two minutes ago |
| Out | `amazon.orders`, `amazon.order_items`; the Asset `amazon_orders/<seller>` with rows and watermark |
| State | `ops.extraction_window` and `ops.watermark`; a run that fails loses nothing, the next one goes on |

**When a task is red**

- `validate_authorization`: the log's line *Task failed with exception* says who acts. *Reauthorization required*: the
  seller must authorize the app again. *Application credentials*: the client secret of the Connection
  `amazon_application` is wrong or older than 180 days. *Access denied*: roles, marketplaces or the seller's account.
  *Settings*: the entry in sellers.yaml or the Connection; the field is named.
- `extract_orders`: Amazon throttled or failed for more than 30 minutes; it repeats by itself and goes on with the next
  page. A *contract* error names the JSON path where Amazon's answer is not as documented.
- `load_orders`: the warehouse is away or refused rows. The landed pages stay: mend the cause, clear the task.

More in docs/runbook.md.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, get_parsing_context, task

from include.orchestration import dag_parts
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
        default_args=dag_parts.task_defaults(),
    ) as dag:

        @task(multiple_outputs=False)
        def validate_authorization() -> dict[str, Any]:
            """Ask Amazon whether the authorization still holds, and where the seller trades."""
            from include.orchestration import seller_tasks

            return seller_tasks.validate(seller_id)

        @task(multiple_outputs=False)
        def extract_orders() -> dict[str, int]:
            """Land every page of what changed since the watermark."""
            from include.orchestration import seller_tasks

            return seller_tasks.extract(seller_id)

        @task(outlets=[orders], multiple_outputs=False)
        def load_orders(*, outlet_events: Any) -> dict[str, Any]:
            """Load what landed, move the watermark, tell both to whoever listens to the Asset."""
            from include.orchestration import seller_tasks

            loaded = seller_tasks.load(seller_id)
            outlet_events[orders].extra = {"rows": loaded["rows"], "watermark": loaded["watermark"]}
            return loaded

        complete = EmptyOperator(task_id="complete")

        validate_authorization() >> extract_orders() >> load_orders() >> complete
    return dag


settings = load_settings()
# A task's process needs its own DAG only: with a thousand sellers that is a second of parsing saved, every task.
wanted = get_parsing_context().dag_id
for entry in load_sellers(settings.sellers_file):
    if wanted in (None, entry.dag_id):
        orders_dag(entry, settings)
