"""Looks ahead and notices silence: authorizations and the client secret that end soon, data that stay away, mails owed.

| | |
|---|---|
| When | every quarter of an hour |
| In | `ops.seller_authorization`, `ops.incident`, `ops.watermark`, the Connection `amazon_application` |
| Out | messages in `ops.outbox`, sent; runs of sellers whom Amazon accepts again after an outage |
| Again | at any time: nothing is owed twice |

A dead scheduler cannot tell on itself: the start page's `/health` answers 503 once this has not run for 45 minutes.

**When a task is red**

- `look_out`: the warehouse is away, or sellers.yaml cannot be read.
- `ask_again`: the same. What Amazon says of a single seller is in the log and fails nothing.
- `finish_consents`: the warehouse is away. What keeps a single consent from its end is in the log and is tried again.
- `send_owed`: the mail server is away, refuses us or refuses an address. What is owed stays owed; `last_trouble` in
  `ops.outbox` says why.

More in docs/runbook.md.
"""

from __future__ import annotations

from airflow.sdk import DAG, TriggerRule

from include.orchestration import dag_parts

with DAG(
    dag_id="authorization_watch",
    schedule=dag_parts.every_quarter_of_an_hour(),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["seller-orders"],
    doc_md=__doc__,
    default_args=dag_parts.watch_defaults(),
):

    def look_out() -> None:
        """Look for ends that come near, data that stay away and sellers who have not answered."""
        from include.orchestration import notification_tasks

        notification_tasks.look_out()

    def ask_again() -> list[str]:
        """Ask Amazon again for sellers whose refusal is not sure; returns the DAGs of those it accepts."""
        from include.orchestration import notification_tasks

        return notification_tasks.ask_again()

    def finish_consents() -> int:
        """Finish what sellers' consents left on their way when something was away."""
        from include.orchestration import notification_tasks

        return notification_tasks.finish_consents()

    def send_owed() -> int:
        """Send every message that is owed, whatever became of the tasks before."""
        from include.orchestration import notification_tasks

        return notification_tasks.send()

    look, ask, finish = dag_parts.step(look_out), dag_parts.step(ask_again), dag_parts.step(finish_consents)
    send = dag_parts.step(send_owed, trigger_rule=TriggerRule.ALL_DONE)
    [look, ask, finish] >> send
    dag_parts.run_each(ask)
