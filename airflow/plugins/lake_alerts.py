"""What Airflow's callbacks do: hand a failure to `lakehouse alert`, the one way alerts go out."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from lake_operators import COMMAND, PROJECT

if TYPE_CHECKING:
    from airflow.sdk import Context

PATIENCE_SECONDS = 60


def on_failure(context: Context) -> None:
    """Tell people which task failed for good, why, and where to look."""
    task = context["task_instance"]
    day = context["dag_run"].partition_key or context["params"].get("date") or ""
    body = "\n".join(
        [
            f"{task.dag_id}.{task.task_id} failed{f' for {day}' if day else ''}.",
            str(context.get("exception") or "no exception was recorded"),
            f"Log: {task.log_url}",
            f"Repair: spark/docs/runbooks/repair-one-table.md, run {context['run_id']}",
        ]
    )
    subprocess.run(  # noqa: S603  # our own command
        [COMMAND, "alert", f"{task.dag_id} failed", "--body", body, "--severity", "critical"],
        cwd=PROJECT,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
