"""Deletes buyers' and recipients' data that Amazon lets nobody keep any longer.

| | |
|---|---|
| When | every night at 00:40 UTC |
| In | `amazon_pii`, the encrypted files below `RAW_URL/personal`, `ops.seller_authorization` |
| Out | nothing is left of what is due before the next night; `ops.personal_data_deletion` says how much went |
| Again | at any time: what is gone stays gone |

What is known of an order's buyer and recipient is due 30 days (`PERSONAL_DATA_DAYS`) after the delivery; of a seller
whose authorization ended, everything, 30 days after that. Without any `personal_data: yes` there is nothing to do.

**When a task is red**

- `delete_due`, `delete_of_ended`: the warehouse or the store of `RAW_URL` is away or refuses to delete; of a store the
  operators are told (`PersonalDataNotDeleted`). Mend that and clear the task soon: Amazon's 30 days go on.
  `make forget SELLER=…` deletes a seller's at once.

More in docs/runbook.md.
"""

from __future__ import annotations

from airflow.sdk import DAG

from include.orchestration import dag_parts
from include.settings import load_settings

with DAG(
    dag_id="personal_data_purge",
    schedule=dag_parts.every_night_before_the_sellers(),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["seller-orders"],
    doc_md=__doc__,
    default_args=dag_parts.task_defaults(load_settings()),
):

    def delete_due() -> dict[str, int]:
        """Delete rows and files that are due before the next night, and files that nobody will load."""
        from include.orchestration import personal_data_tasks

        return personal_data_tasks.delete_due()

    def delete_of_ended() -> dict[str, int]:
        """Delete everything personal of sellers whose authorization ended 30 days ago."""
        from include.orchestration import personal_data_tasks

        return personal_data_tasks.delete_of_ended()

    dag_parts.step(delete_due)
    dag_parts.step(delete_of_ended)
