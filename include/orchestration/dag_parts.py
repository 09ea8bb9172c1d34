"""What a seller's DAG is made of besides its tasks: schedule, tags, defaults and the page Airflow shows for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Asset, CronTriggerTimetable, TriggerRule

from include.orchestration.retry_policy import AmazonRetryPolicy
from include.sellers.registry import MisconfiguredSeller, Seller
from include.sellers.seller import DAG_TAG
from include.settings import Settings

OWNER = "data-engineering"
# A misconfigured entry may have no usable time, and its red task should greet the first person in the morning.
MISCONFIGURED_CRON = "0 2 * * *"
# A new DAG waits for its first night. Airflow 3.3.2 takes `False`, its default, as "at once if the last night was less
# than a tenth of a day ago", and such a run would come before there are Connections.
NEVER = timedelta(seconds=1)

# After 1, 2, 4, 8 and three times 15 minutes.
NOTIFY_RETRIES = 7
NOTIFY_MAX_RETRY_DELAY = timedelta(minutes=15)


def task_defaults(settings: Settings) -> dict[str, Any]:
    """Defaults of every task: four more tries, by default after 1, 2, 4 and 8 minutes unless the error says otherwise.

    One that has failed for good leaves its error's class and facts for the task that tells people.
    """
    return {
        "owner": OWNER,
        "retries": 4,
        "retry_delay": timedelta(seconds=settings.retry_delay_s),
        "retry_exponential_backoff": 2,
        "retry_policy": AmazonRetryPolicy(),
        "on_failure_callback": leave_failure,
    }


def leave_failure(context: Any) -> None:
    """Leave the error's class and facts for the task that tells people."""
    # Imported when it is needed: it costs a third of a DAG's parsing.
    from include.orchestration.failure_callback import push_failure  # noqa: PLC0415

    push_failure(context)


class Step(PythonOperator):
    """A task that calls a function; with nothing to render, so that no task reports to Airflow that it has not."""

    template_fields = ()


def step(function: Callable[..., Any], kind: type[PythonOperator] = Step, **arguments: Any) -> PythonOperator:
    """Make a task of a function, named and documented as the function is.

    `@task` would read better by a hair and costs half as much again of a DAG's parsing.
    """
    return kind(task_id=function.__name__, python_callable=function, doc_md=function.__doc__, **arguments)


def after_a_failure(function: Callable[..., Any]) -> PythonOperator:
    """Make the task that follows a failed one; never the only leaf, so that the run stays failed."""
    # A warehouse that is away, where nothing can be noted, is waited out for an hour; whom it could not tell by then
    # hears of the next night's failure. Mails that cannot be sent are the watch's.
    return step(
        function,
        trigger_rule=TriggerRule.ONE_FAILED,
        on_failure_callback=None,
        retries=NOTIFY_RETRIES,
        max_retry_delay=NOTIFY_MAX_RETRY_DELAY,
    )


def run_each(dag_ids: PythonOperator) -> None:
    """Start a run of each DAG that a task returns; of none, it is skipped."""
    TriggerDagRunOperator.partial(task_id="run_again").expand(trigger_dag_id=dag_ids.output)


def watch_defaults() -> dict[str, Any]:
    """Defaults of the watch's tasks: no repetition, because the next quarter of an hour is one, and none hangs."""
    return {"owner": OWNER, "retries": 0, "execution_timeout": timedelta(minutes=10)}


def every_quarter_of_an_hour() -> CronTriggerTimetable:
    """When the watch runs."""
    return CronTriggerTimetable("*/15 * * * *", timezone="UTC", run_immediately=NEVER)


def every_night_before_the_sellers() -> CronTriggerTimetable:
    """When personal data are deleted: before most sellers' runs, and never at once with them."""
    return CronTriggerTimetable("40 0 * * *", timezone="UTC", run_immediately=NEVER)


def orders_asset(dag_suffix: str) -> Asset:
    """The seller's tables as Airflow's Asset: other DAGs can be scheduled on it."""
    return Asset(f"amazon_orders/{dag_suffix}")


def nightly(entry: Seller | MisconfiguredSeller) -> CronTriggerTimetable:
    """Once a night, at the seller's own minute in the seller's own zone."""
    if isinstance(entry, MisconfiguredSeller):
        return CronTriggerTimetable(MISCONFIGURED_CRON, timezone="UTC", run_immediately=NEVER)
    return CronTriggerTimetable(entry.cron, timezone=entry.timezone, run_immediately=NEVER)


def tags(entry: Seller | MisconfiguredSeller) -> list[str]:
    """What the UI filters by."""
    if isinstance(entry, MisconfiguredSeller):
        return [DAG_TAG, "misconfigured"]
    return [DAG_TAG, f"region:{entry.region}"]


def display_name(entry: Seller | MisconfiguredSeller) -> str:
    """The name the UI shows: the DAG's id, marked where the entry is misconfigured."""
    return f"{entry.dag_id} (misconfigured)" if isinstance(entry, MisconfiguredSeller) else entry.dag_id


def page(entry: Seller | MisconfiguredSeller, settings: Settings, common: str) -> str:
    """The DAG's page in the UI: the facts of this seller above what all DAGs share."""
    if isinstance(entry, MisconfiguredSeller):
        return f"**This seller's entry in sellers.yaml cannot be used.**\n\n{_as_text(entry.message)}\n\n{common}"
    central = settings.seller_central_url or entry.marketplaces[0].seller_central_url
    countries = ", ".join(marketplace.country_code for marketplace in entry.marketplaces)
    return (
        f"**{_as_text(entry.name)}**, region {entry.region}, marketplaces {countries}. Nightly at "
        f"{entry.run_at:%H:%M} {entry.timezone}. Contacts: {_as_text(', '.join(entry.contacts))}. "
        f"[Seller Central, apps]({central}/apps/manage)\n\n{common}"
    )


def _as_text(text: str) -> str:
    # A name is a name: an image in it would tell a stranger who reads this page, and when.
    return re.sub(r"([^\w\s.,;:@'-])", r"\\\1", text)
