"""Fault points: places where a crash test kills the process, to prove that a re-run heals it."""

from __future__ import annotations

import os
import signal

from lakehouse.settings import current_settings

POINTS = (
    "before_read",
    "before_write",
    "between_quarantine_and_table",
    "after_commit_before_gate",
    "before_publish",
)
"""Where a run of a table can be killed from within; kills inside a write come from outside."""
SERVING_POINTS = ("publish_staged", "publish_applied", "publish_committed")
"""The same of the database that serves the marts, while a table's rows go there."""

REGISTRY_POINTS = ("registry_id_taken", "registry_registered")
"""The same of a schema's registration, by subject."""

LETTER_POINTS = ("before_dead_letters", "dead_letters_sent")
"""The same of dead letters, by the table that rejected them."""


def fault_point(point: str, table: str) -> None:
    """Die here when `LAKEHOUSE_FAULT` says `<point>` or `<point>@<table>`."""
    fault = current_settings().fault
    if fault and fault in {point, f"{point}@{table}"}:
        os.kill(os.getpid(), signal.SIGKILL)
