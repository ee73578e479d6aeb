"""Every five minutes: start runs whose event was lost, complete days that would wait for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from lake_alerts import on_failure
from lake_reconcile import ReconcileOperator

with DAG(
    dag_id="reconcile",
    description="Starts runs whose asset event was lost, from the state of the lake",
    doc_md=__doc__
    + "\n\nCompares what every table has consumed with what is published, and Airflow's waiting"
    "\npartitions with what can still deliver them. A table whose latest run failed in the very"
    "\nsame situation is left to a person.",
    schedule="*/5 * * * *",
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=15),
    tags=["operations"],
    default_args={
        "owner": "platform",
        "retries": 1,
        "retry_delay": timedelta(seconds=30),
        "execution_timeout": timedelta(minutes=5),
        "on_failure_callback": on_failure,
    },
) as reconcile:
    ReconcileOperator(task_id="reconcile")
