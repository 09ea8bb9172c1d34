"""One run of every seller's DAG under an id of its own: start them, watch them, say how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.clock import utc_now
from include.errors import OperatorActionError
from include.local_stack.progress import Progress
from include.local_stack.stack import AIRFLOW_PATIENCE_S, Stack
from include.local_stack.waiting import wait_until
from include.sellers.registry import Seller
from include.sellers.seller import DAG_TAG

FINISHED = frozenset({"success", "failed"})
# Asking Airflow costs it CPU that the runs could use; a person does not see half a second.
POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a seller's run ended.

    Attributes:
        seller: Whose run.
        run_id: Airflow's id of it.
        state: Airflow's word, `success` or `failed`.
        failed_task: The first task that failed, "" where none did.
        seconds: From its start to its end.
    """

    seller: Seller
    run_id: str
    state: str
    failed_task: str
    seconds: float


def run_sellers(stack: Stack, sellers: Sequence[Seller], progress: Progress) -> list[RunOutcome]:
    """Start one run of each seller's DAG and wait until all have ended.

    Raises:
        OperatorActionError: One of the stack's processes ended.
    """
    run_id = f"make_run__{utc_now():%Y-%m-%dT%H:%M:%S.%fZ}"
    for seller in sellers:
        stack.airflow.trigger_run(seller.dag_id, run_id)
    outcomes: dict[str, RunOutcome] = {}

    def all_ended() -> bool:
        stack.supervisor.check()
        for seller in sellers:
            if seller.seller_id not in outcomes and (outcome := _outcome(stack, seller, run_id)):
                outcomes[seller.seller_id] = outcome
        working = [seller.seller_id for seller in sellers if seller.seller_id not in outcomes]
        progress.now(f"{len(outcomes)} of {len(sellers)} sellers done; at work: {', '.join(working)}")
        return not working

    while not wait_until(all_ended, AIRFLOW_PATIENCE_S, interval_s=POLL_S):
        progress.say(f"  still at work after {progress.seconds():.0f} s; the UI shows why: {stack.ui_url}")
    return [outcomes[seller.seller_id] for seller in sellers]


def paused_sellers(stack: Stack, sellers: Sequence[Seller]) -> list[Seller]:
    """Return the sellers whose DAG somebody paused: a run of theirs would wait for ever.

    Raises:
        OperatorActionError: A DAG does not appear, or one of the stack's processes ended.
    """
    _wait_for_dags(stack, sellers)
    paused = stack.airflow.dag_ids(DAG_TAG, paused=True)
    return [seller for seller in sellers if seller.dag_id in paused]


def _wait_for_dags(stack: Stack, sellers: Sequence[Seller]) -> None:
    wanted = {seller.dag_id for seller in sellers}

    def all_there() -> bool:
        stack.supervisor.check()
        return wanted <= stack.airflow.dag_ids(DAG_TAG)

    if not wait_until(all_there, AIRFLOW_PATIENCE_S, interval_s=POLL_S):
        errors = stack.airflow.import_errors()
        reason = errors[0].strip().splitlines()[-1] if errors else "The DAG processor did not report any."
        raise OperatorActionError(f"Not every seller's DAG appeared in Airflow: {reason}")


def _outcome(stack: Stack, seller: Seller, run_id: str) -> RunOutcome | None:
    run = stack.airflow.run(seller.dag_id, run_id)
    if run["state"] not in FINISHED:
        return None
    states = stack.airflow.task_states(seller.dag_id, run_id)
    failed = next((task for task, state in states.items() if state == "failed"), "")
    return RunOutcome(seller, run_id, run["state"], failed, float(run["duration"] or 0))
