"""Operations of the lake: maintenance every night, freshness every hour, publication."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from lake_alerts import on_failure
from lake_operators import LakehouseOperator

DEFAULTS = {
    "owner": "platform",
    "execution_timeout": timedelta(hours=2),
    "on_failure_callback": on_failure,
}


def operations_dag(dag_id: str, what: str, schedule: str, *arguments: str, retries: int) -> DAG:
    """A DAG with one task, which runs one `lakehouse` command."""
    with DAG(
        dag_id=dag_id,
        description=what,
        doc_md=f"{what}: `lakehouse {' '.join(arguments)}`.",
        # No start date: a new Airflow waits for the next time instead of catching up on the last.
        schedule=CronTriggerTimetable(schedule, timezone="UTC", run_immediately=False),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=3),
        tags=["operations"],
        default_args={**DEFAULTS, "retries": retries},
    ) as dag:
        LakehouseOperator(task_id=dag_id, arguments=arguments)
    return dag


maintenance = operations_dag(
    "maintenance",
    "Compacts small files and deletes replaced ones",
    "0 3 * * *",
    "maintain",
    "--json",
    retries=2,
)
# No retry: it alerts at once, and checks again within the hour.
freshness = operations_dag(
    "freshness",
    "Sends an alert when a table was not checked in time, or its data is old",
    "30 * * * *",
    "freshness",
    "--json",
    retries=0,
)
# The last task of a table publishes it, too; this catches up when the database was unavailable.
publish = operations_dag(
    "publish",
    "Brings the serving database up to date with the published versions",
    "*/5 * * * *",
    "publish",
    "--if-any",
    "--json",
    retries=2,
)
