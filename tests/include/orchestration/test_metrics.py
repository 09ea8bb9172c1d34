"""Metrics that are off cost nothing; what arrives when they are on, a whole stack shows (test_watched.py)."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

OFF = """
import sys
from include.clock import utc_now
from include.orchestration import metrics
from include.orders.load import Loaded
assert not metrics.is_on()
# There is no warehouse: whoever asked one would fail.
metrics.loaded("acme", Loaded(orders=1))
metrics.waited("acme", utc_now(), now_utc=utc_now())
metrics.tell_how_sellers_stand(None, ["acme"], now_utc=utc_now())
metrics.tell_how_all_stand(None, None, now_utc=utc_now())
with metrics.counting_landed(None, "acme", utc_now):
    pass
beginnings = ("opentelemetry.exporter", "airflow.sdk.observability.stats", "airflow.sdk.observability.metrics.otel")
print(sorted(name for name in sys.modules if name.startswith(beginnings)))
"""


def test_with_the_switch_off_nothing_is_imported_and_nothing_is_asked_for():
    done = subprocess.run([sys.executable, "-c", OFF], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("switch", ["OTEL_ON", "STATSD_ON", "STATSD_DATADOG_ENABLED"])
def test_each_of_airflows_switches_turns_them_on(monkeypatch: pytest.MonkeyPatch, switch: str):
    from include.orchestration import metrics

    monkeypatch.setenv(f"AIRFLOW__METRICS__{switch}", "True")
    assert metrics.is_on()


def test_a_warehouse_that_is_lost_while_counting_hides_no_error_of_the_task(monkeypatch: pytest.MonkeyPatch):
    import psycopg

    from include.clock import utc_now
    from include.errors import TransportError
    from include.orchestration import metrics

    class Lost:
        def execute(self, *_: object) -> None:
            raise psycopg.OperationalError("gone")

    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
    with pytest.raises(TransportError, match="first"), metrics.counting_landed(Lost(), "acme", utc_now):
        raise TransportError("first")
