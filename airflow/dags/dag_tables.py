"""One DAG per table of the manifest: gate, work, gate. A new table needs no code here.

Bronze tables run every day for the day before. Silver and gold tables run a day as soon as all
their inputs have delivered it. Only the last task announces the table, so nobody wakes on data
that did not pass its output gate.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, AssetAll, AssetAny, CronPartitionTimetable, Param, chain

from lake_alerts import on_failure
from lake_docs import dag_doc
from lake_operators import YESTERDAY, StageOperator
from lake_timetable import KEY_FORMAT, DailyAssetTimetable, wake_name

MANIFEST = Path(__file__).resolve().parents[1] / "manifest.json"
STAGES = {
    "assert_input_quality": "assert-input",
    "process": "process",
    "assert_output_quality": "assert-output",
}
PARAMS = {
    "date": Param(
        # A word, not a date: the form of a DAG that was parsed last week says the same today.
        default=YESTERDAY,
        type="string",
        pattern=rf"^({YESTERDAY}|\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))$",
        title="Day",
        description="The day to run, YYYY-MM-DD or yesterday (UTC), when the run is given no "
        "partition key. Landing files dated later wait.",
    ),
    "full_refresh": Param(
        default=False,
        type="boolean",
        title="Full refresh",
        description="Recompute the whole table from its inputs.",
    ),
    "dry_run": Param(
        default=False,
        type="boolean",
        title="Dry run",
        description="Only log what a run would do, and why, in the first task.",
    ),
}
DEFAULTS = {
    "retries": 4,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=2),
    "on_failure_callback": on_failure,
}


def table_dag(table: dict[str, Any], assets: dict[str, Asset]) -> DAG:
    """The DAG of a table, from its entry in the manifest."""
    inputs = [assets[each["name"]] for each in table["inputs"] if each["kind"] == "table"]
    schedule = (
        DailyAssetTimetable(assets=AssetAny(AssetAll(*inputs), _wake(table["name"])))
        if inputs
        else CronPartitionTimetable(
            "0 0 * * *", timezone="UTC", run_offset=-1, key_format=KEY_FORMAT
        )
    )
    with DAG(
        dag_id=table["dag_id"],
        description=table["doc"].splitlines()[0],
        doc_md=dag_doc(table),
        schedule=schedule,
        start_date=datetime(2020, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,  # days in order; a table has one writer anyway
        dagrun_timeout=timedelta(hours=6),
        tags=[table["layer"], table["owner"]],
        params=PARAMS,
        default_args={**DEFAULTS, "owner": table["owner"]},
    ) as dag:
        last = "assert_output_quality"
        chain(
            *(
                StageOperator(
                    task_id=task_id,
                    table=table["name"],
                    stage=stage,
                    outlets=[assets[table["name"]]] if task_id == last else [],
                )
                for task_id, stage in STAGES.items()
            )
        )
    return dag


def _wake(table: str) -> Asset:
    return Asset(
        name=wake_name(table), uri=f"wake://{table.replace('.', '/', 1)}", group="operations"
    )


def table_dags(manifest: dict[str, Any]) -> dict[str, DAG]:
    """Every table's DAG by its id."""
    tables = manifest["tables"]
    assets = {
        table["name"]: Asset(name=table["name"], uri=table["asset"], group=table["layer"])
        for table in tables
    }
    return {table["dag_id"]: table_dag(table, assets) for table in tables}


globals().update(table_dags(json.loads(MANIFEST.read_text(encoding="utf-8"))))
