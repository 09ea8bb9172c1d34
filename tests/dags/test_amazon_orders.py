"""The sellers' DAGs as Airflow sees them: one an entry, the right shape, nothing that changes between two parses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.airflow

TWO_BROKEN = """
sellers:
  - {id: acme, name: Acme, region: eu, marketplaces: [DE], contacts: [a@acme.example], language: de, timezone: UTC}
  - {id: globex, name: Globex, region: europe, marketplaces: [DE], contacts: [a@g.example], language: de, timezone: UTC}
  - {id: "NOT USABLE", name: X, region: na, marketplaces: [US], contacts: [a@n.example], language: en, timezone: UTC}
"""


def test_each_shipped_seller_has_a_dag_and_nothing_fails_to_import(dag_bag):
    bag = dag_bag()
    assert bag.import_errors == {}
    assert sorted(bag.dags) == [
        "amazon_orders__first_steps",
        "amazon_orders__grossmarkt_technik",
        "amazon_orders__harbour_goods",
        "amazon_orders__maple_trail",
        "amazon_orders__nordlicht_kerzen",
        "amazon_orders__sakura_kitchen",
        "authorization_watch",
        "personal_data_purge",
    ]


def test_a_dag_validates_then_extracts_then_loads_and_ends_in_a_leaf_without_outlet(dag_bag, sellers_file):
    sellers_file()
    dag = dag_bag().dags["amazon_orders__acme"]
    chain = ["validate_authorization", "extract_orders", "load_orders"]
    assert sorted(task.task_id for task in dag.tasks) == sorted([*chain, "complete", "next_run", "notify_reconnect"])
    assert [dag.get_task(task_id).downstream_task_ids for task_id in chain] == [
        {"extract_orders", "notify_reconnect"},
        {"load_orders", "notify_reconnect"},
        {"complete", "next_run", "notify_reconnect"},
    ]
    # One that tells people after a failure must never be the only leaf: the run would count as good.
    assert {task.task_id for task in dag.leaves} == {"complete", "next_run", "notify_reconnect"}
    assert [asset.name for asset in dag.get_task("load_orders").outlets] == ["amazon_orders/acme"]
    assert all(dag.get_task(task_id).outlets == [] for task_id in ("complete", "next_run"))


def test_the_next_run_is_one_of_the_same_dag_and_nobody_waits_for_it(dag_bag, sellers_file):
    sellers_file()
    next_run = dag_bag().dags["amazon_orders__acme"].get_task("next_run")
    assert (next_run.trigger_dag_id, next_run.wait_for_completion) == ("amazon_orders__acme", False)


def test_a_run_can_name_a_stretch_and_a_scheduled_one_is_valid_without(dag_bag, sellers_file):
    from airflow.serialization.serialized_objects import DagSerialization

    sellers_file()
    dag = dag_bag().dags["amazon_orders__acme"]
    dag.validate()
    assert dict(dag.params) == {"from_utc": None, "to_utc": None}
    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    for params in (dag.params, stored.params):
        params.validate()
        for name in ("from_utc", "to_utc"):
            schema = params.get_param(name).schema
            assert (schema["type"], schema["format"]) == (["null", "string"], "date-time")


@pytest.mark.parametrize("value", [20261001, ["2026-10-01T00:00:00Z"], True])
def test_what_is_no_text_is_refused_before_a_run_begins(dag_bag, sellers_file, value: object):
    from airflow.sdk.exceptions import ParamValidationError
    from airflow.serialization.serialized_objects import DagSerialization

    sellers_file()
    stored = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag_bag().dags["amazon_orders__acme"]))
    params = stored.params.deep_merge({"from_utc": value})
    with pytest.raises(ParamValidationError):
        params.validate()


def test_a_dag_runs_nightly_at_the_sellers_minute_one_run_at_a_time_and_needs_nobody_to_unpause_it(
    dag_bag, sellers_file
):
    sellers_file()
    dag = dag_bag().dags["amazon_orders__acme"]
    assert (dag.timetable.expression, str(dag.timetable.timezone)) == ("15 3 * * *", "Europe/Berlin")
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, 1, False)
    assert dag.tags == {"amazon-orders", "region:eu"}
    assert "When a task is red" in dag.doc_md
    assert "Acme" in dag.doc_md


def test_a_broken_entry_keeps_a_marked_dag_and_leaves_the_others_alone(dag_bag, sellers_file):
    sellers_file(TWO_BROKEN)
    bag = dag_bag()
    assert bag.import_errors == {}
    assert sorted(bag.dags) == [
        "amazon_orders__acme",
        "amazon_orders__entry_3",
        "amazon_orders__globex",
        "authorization_watch",
        "personal_data_purge",
    ]
    globex = bag.dags["amazon_orders__globex"]
    assert "misconfigured" in globex.tags
    assert "misconfigured" in globex.dag_display_name
    assert "region is 'europe'" in globex.doc_md
    assert "misconfigured" not in bag.dags["amazon_orders__acme"].tags


def test_a_broken_entrys_first_task_says_seller_field_and_what_is_expected(dag_bag, sellers_file):
    sellers_file(TWO_BROKEN)
    validate = dag_bag().dags["amazon_orders__globex"].get_task("validate_authorization")
    with pytest.raises(Exception, match=r"globex.*region is 'europe'; expected one of eu, na, fe"):
        validate.python_callable()


def test_a_file_that_is_no_yaml_is_an_import_error_with_line_and_column(dag_bag, sellers_file):
    sellers_file("sellers:\n  - id: [acme\n  name: x\n")
    bag = dag_bag()
    (error,) = bag.import_errors.values()
    assert sorted(bag.dags) == ["authorization_watch", "personal_data_purge"]
    assert "line 3" in error
    assert "column" in error


def test_a_task_process_parses_its_own_dag_only(dag_bag, monkeypatch):
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "amazon_orders__maple_trail")
    assert sorted(dag_bag().dags) == ["amazon_orders__maple_trail", "authorization_watch", "personal_data_purge"]


def test_two_parses_give_the_same_dag_so_no_version_is_made_for_nothing(dag_bag, sellers_file):
    from airflow.serialization.serialized_objects import DagSerialization

    sellers_file()
    first, second = (DagSerialization.serialize_dag(dag_bag().dags["amazon_orders__acme"]) for _ in range(2))
    assert first == second


def test_parsing_reads_neither_variables_nor_connections(dag_bag, monkeypatch):
    from airflow.sdk import BaseHook, Variable

    def refuse(*_args, **_kwargs):
        raise AssertionError("read while parsing")

    monkeypatch.setattr(BaseHook, "get_connection", refuse)
    monkeypatch.setattr(Variable, "get", refuse)
    assert dag_bag().import_errors == {}


def test_a_sellers_name_is_text_on_the_dags_page_not_markdown(dag_bag, sellers_file):
    path = sellers_file()
    path.write_text(path.read_text().replace("name: Acme", 'name: "![x](http://evil.example/a.png) <b>*Ac_me*</b>"'))
    page = dag_bag().dags["amazon_orders__acme"].doc_md
    assert r"\!\[x\]\(http:\/\/evil.example\/a.png\) \<b\>\*Ac_me\*\<\/b\>" in page


@pytest.mark.parametrize("minutes_after", [1, 30, 120])
def test_a_new_seller_waits_for_the_first_night_however_shortly_the_last_one_ended(
    dag_bag, sellers_file, monkeypatch, minutes_after: int
):
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables import trigger
    from airflow.timetables.base import TimeRestriction

    sellers_file()
    stored = DagSerialization.serialize_dag(dag_bag().dags["amazon_orders__acme"])
    timetable = DagSerialization.deserialize_dag(stored).timetable
    now = datetime(2026, 11, 23, 2, 15, tzinfo=UTC) + timedelta(minutes=minutes_after)
    monkeypatch.setattr(trigger, "utcnow", lambda: now)
    first = timetable.next_dagrun_info(
        last_automated_data_interval=None, restriction=TimeRestriction(earliest=None, latest=None, catchup=False)
    )
    assert first.run_after == datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
