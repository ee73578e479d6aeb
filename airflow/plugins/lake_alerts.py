"""Sends failures and warnings of runs through `lakehouse alert`."""

from __future__ import annotations

import logging
import subprocess
from typing import TYPE_CHECKING

from lake_operators import COMMAND, PROJECT, FormError, day_of

if TYPE_CHECKING:
    from airflow.sdk import Context

PATIENCE_SECONDS = 60


def on_failure(context: Context) -> None:
    """Send an alert that a task failed for good: which one, why, and where to look.

    None for a mistyped form: whoever typed it sees the error.
    """
    if isinstance(context.get("exception"), FormError):
        return
    task, day = context["task_instance"], _day(context)
    body = "\n".join(
        [
            f"{task.dag_id}.{task.task_id} failed{f' for {day}' if day else ''}.",
            str(context.get("exception") or "no exception was recorded"),
            f"Log: {task.log_url}",
            f"Repair: spark/docs/runbooks/repair-one-table.md, run {context['run_id']}",
        ]
    )
    _send(f"{task.dag_id} failed", body, "critical")


def warn(context: Context, title: str, text: str) -> None:
    """Send an alert about a failed check that only warns."""
    day = _day(context)
    body = [*([f"For {day}."] if day else []), text, f"Run {context['run_id']}"]
    try:
        _send(title, "\n".join(body), "warning")
    except subprocess.TimeoutExpired:  # the table is as it should be
        logging.getLogger(__name__).warning("the warning could not be sent in time")


def _day(context: Context) -> str:
    try:
        return day_of(context)
    except (FormError, KeyError, AttributeError, TypeError):  # a run of no table
        return ""


def _send(title: str, body: str, severity: str) -> None:
    subprocess.run(  # noqa: S603  # our own command
        [COMMAND, "alert", title, "--body", body, "--severity", severity],
        cwd=PROJECT,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
