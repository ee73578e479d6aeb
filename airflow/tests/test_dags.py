"""Laws of the DAGs; no Spark, no server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import dag_operations
import dag_reconcile
import dag_tables
import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.sdk import DAG, Asset
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from hypothesis import given
from hypothesis import strategies as st

from conftest import DAGS, PLUGINS, PROJECT
from lake_timetable import DailyAssetTimetable, wake_name
from lakehouse.catalog.manifest import manifest_text
from lakehouse.catalog.registry import registry

STAGES = ["assert_input_quality", "process", "assert_output_quality"]
OPERATIONS = {"reconcile", "maintenance", "freshness", "publish"}
BACKFILL_DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 1, 1))


@pytest.fixture(scope="module")
def table_dags(manifest):
    return dag_tables.table_dags(manifest)


def outlets(dag):
    return {t.task_id: [a.name for a in t.outlets] for t in dag.tasks}


def inputs(dag):
    condition = getattr(dag.timetable, "asset_condition", None)
    names = {key.name for key, _ in condition.iter_assets()} if condition else set()
    wake = {wake_name(dag.dag_id.replace("_", ".", 1))} if condition else set()
    assert wake <= names
    return names - wake


def test_the_manifest_is_what_the_specs_say(manifest):
    assert json.dumps(manifest) == json.dumps(json.loads(manifest_text(registry())))


def test_the_graph_of_dags_is_the_graph_of_tables(table_dags):
    assert {dag_id: inputs(dag) for dag_id, dag in table_dags.items()} == {
        entry.table.name.replace(".", "_"): {up.name for up in entry.table.upstream}
        for entry in registry()
    }


def test_every_table_is_three_tasks_in_order_and_only_the_last_one_tells(table_dags):
    for dag_id, dag in table_dags.items():
        assert [task.task_id for task in dag.topological_sort()] == STAGES
        assert dag.get_task("process").upstream_task_ids == {"assert_input_quality"}
        assert dag.get_task("assert_output_quality").upstream_task_ids == {"process"}
        told = [name for names in outlets(dag).values() for name in names]
        assert told == outlets(dag)["assert_output_quality"] == [dag_id.replace("_", ".", 1)]


def test_every_asset_has_one_producer_and_a_logical_address(table_dags):
    made = [a for dag in table_dags.values() for task in dag.tasks for a in task.outlets]
    assert set(Counter(asset.name for asset in made).values()) == {1}
    assert {asset.uri for asset in made} == {f"delta://{a.name.replace('.', '/')}" for a in made}
    assert all(isinstance(asset, Asset) for asset in made)
    assert set().union(*map(inputs, table_dags.values())) <= {asset.name for asset in made}


def test_every_table_dag_says_who_what_and_how_long(table_dags, manifest):
    tables = {table["dag_id"]: table for table in manifest["tables"]}
    for dag_id, dag in table_dags.items():
        table = tables[dag_id]
        assert dag.tags == {table["layer"], table["owner"]}
        assert dag.dagrun_timeout
        assert dag.max_active_runs == 1
        assert not dag.catchup
        assert set(dag.params) == {"date", "full_refresh", "dry_run"}
        assert dag.params["date"] == "yesterday"
        for column in table["columns"]:
            assert f"`{column['name']}`" in dag.doc_md
        for check in (*table["requires"], *table["ensures"]):
            assert check["sentence"].replace("|", "\\|") in dag.doc_md
        assert "## Repair" in dag.doc_md
        for task in dag.tasks:
            assert task.owner == table["owner"]
            assert task.execution_timeout
            assert task.retries
            assert task.retry_exponential_backoff
            assert task.on_failure_callback


@pytest.mark.parametrize("typed", [None, "", "soon", "2026-1-2", "02.01.2026", "2026-13-01"])
def test_the_form_takes_nothing_but_a_day(table_dags, typed):
    day = table_dags["silver_user_dim"].params.get_param("date")
    with pytest.raises(ParamValidationError):
        day.resolve(typed)
    assert day.resolve("2026-01-02") == "2026-01-02"
    assert day.resolve("yesterday") == "yesterday"


def test_every_table_dag_is_partitioned_and_can_be_backfilled(table_dags):
    for dag in table_dags.values():
        again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        timetable = again.timetable
        assert timetable.partitioned
        assert timetable.periodic
        first = datetime(2026, 2, 27, tzinfo=UTC)
        infos = timetable.iter_partition_dagrun_infos(
            earliest=first, latest=first + timedelta(days=2)
        )
        assert [info.partition_key for info in infos] == ["2026-02-27", "2026-02-28", "2026-03-01"]


@given(first=BACKFILL_DAYS, days=st.integers(0, 400), hour=st.integers(0, 23))
def test_a_range_holds_each_of_its_days_once_in_order(first, days, hour):
    timetable = DailyAssetTimetable(assets=Asset(name="silver.x", uri="delta://silver/x"))
    midnight = datetime(first.year, first.month, first.day, tzinfo=UTC)
    latest = midnight + timedelta(days=days, hours=hour)
    infos = list(timetable.iter_partition_dagrun_infos(earliest=midnight, latest=latest))
    expected = [(first + timedelta(days=n)).isoformat() for n in range(days + 1)]
    assert [info.partition_key for info in infos] == expected
    assert [timetable.resolve_partition_date(info.partition_key) for info in infos] == [
        info.partition_date for info in infos
    ]


def test_a_range_that_starts_within_a_day_leaves_that_day_out():
    timetable = DailyAssetTimetable(assets=Asset(name="silver.x", uri="delta://silver/x"))
    infos = timetable.iter_partition_dagrun_infos(
        earliest=datetime(2026, 1, 1, 5, tzinfo=UTC), latest=datetime(2026, 1, 2, 5, tzinfo=UTC)
    )
    assert [info.partition_key for info in infos] == ["2026-01-02"]


@pytest.mark.parametrize("key", ["soon", "2026-02-30", "20260101", "2026-01-01T00:00:00"])
def test_a_key_that_is_no_day_is_refused(key):
    timetable = DailyAssetTimetable(assets=Asset(name="silver.x", uri="delta://silver/x"))
    with pytest.raises(InvalidPartitionKeyError, match="YYYY-MM-DD"):
        timetable.resolve_partition_date(key)


def test_parsing_the_folder_needs_no_engine():
    code = (
        "import importlib, pathlib, sys; sys.path[:0] = sys.argv[1:3]\n"
        "for path in pathlib.Path(sys.argv[2]).glob('*.py'): importlib.import_module(path.stem)\n"
        "print(sorted({'pyspark', 'great_expectations', 'lakehouse', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(PLUGINS), str(DAGS)],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_operations_dags_have_owners_docs_and_timeouts():
    dags = {
        dag.dag_id: dag
        for module in (dag_operations, dag_reconcile)
        for dag in vars(module).values()
        if isinstance(dag, DAG)
    }
    assert set(dags) == OPERATIONS
    for dag in dags.values():
        assert dag.doc_md
        assert dag.dagrun_timeout
        assert dag.max_active_runs == 1
        assert all(task.owner == "platform" and task.on_failure_callback for task in dag.tasks)
