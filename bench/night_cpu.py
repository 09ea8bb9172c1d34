"""Where a night's CPU goes, by kind of process: Airflow's servers, supervisors, tasks, PostgreSQL, the fake Amazon."""

from __future__ import annotations

import psutil

from bench.dag_runs import pids
from bench.machine import tree_cpu_s
from include.local_stack.airflow_processes import SCHEDULER
from include.local_stack.sessions import read_record
from include.local_stack.stack import Stack

SUPERVISORS, TASKS, POSTGRES, AMAZON = "supervisors", "tasks", "PostgreSQL (both databases)", "fake Amazon"
NOT_AIRFLOW = (POSTGRES, AMAZON)


def spent_by_kind_s(stack: Stack) -> dict[str, float]:
    """CPU seconds so far; LocalExecutor's processes, which supervise one task after the other, and the tasks apart."""
    airflow_pids, postgres_pid = pids(stack)
    spent = {name: tree_cpu_s(pid) for name, pid in airflow_pids.items()}
    scheduler = psutil.Process(airflow_pids[SCHEDULER])
    supervisors = [process.cpu_times() for process in scheduler.children()]
    own = scheduler.cpu_times()
    supervising_s = sum(times.user + times.system for times in supervisors)
    tasks_s = spent[SCHEDULER] - supervising_s - own.user - own.system
    spent |= {SCHEDULER: own.user + own.system, SUPERVISORS: supervising_s, TASKS: tasks_s}
    (amazon_pid,) = [one.pid for one in read_record(stack.supervisor.record_file) if one.name == "fake-amazon"]
    return spent | {POSTGRES: tree_cpu_s(postgres_pid), AMAZON: tree_cpu_s(amazon_pid)}
