"""Measure the pipeline on sample data: session start, tables, gates, Spark jobs, and runs again.

`first_run_s` is what a newcomer sees: a JVM that has compiled nothing yet. `warm_run_s` is the same
work, into an empty lake, on the engine that has done it once: what the shared engine gives.

Runs on a lake of its own in a temporary folder. Figures of one run on a shared machine are noisy:
compare ratios within a run, and counts, which are not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as Grid

from benchmarks.data import GENERATOR
from benchmarks.measure import timed
from benchmarks.results import short
from lakehouse.catalog.registry import registry
from lakehouse.engine.job import new_request
from lakehouse.engine.lake import Lake
from lakehouse.observability.event_files import find_log
from lakehouse.observability.eventlog import read_event_log
from lakehouse.settings import load_settings


def measure(root: Path) -> dict[str, Any]:
    """Run the pipeline, run it again, and run it into a second lake, in one process."""
    events = root / "events"
    settings = load_settings(root=str(root), event_log=str(events))
    names = list(registry().entries)
    with Lake(settings, registry()) as lake:
        session_s, spark = timed(lambda: lake.spark)
        first_s, first = timed(lambda: lake.run(names, new_request()))
        commits = count_commits(root)
        second_s, second = timed(lambda: lake.run(names, new_request()))
        new_commits = count_commits(root) - commits
        ended_ms = time.time() * 1000
        again = load_settings(root=str(root / "warm"), raw=str(root / "raw"))
        with Lake(again, registry(), spark) as warm:
            warm_s, third = timed(lambda: warm.run(names, new_request()))
    return {
        "session_start_s": session_s,
        "first_run_s": first_s,
        "second_run_s": second_s,
        "second_run_commits": new_commits,
        "warm_run_s": warm_s,
        "tables": {o.table: {"s": o.seconds, "gates_s": o.gate_seconds} for o in first},
        "gate_share": sum(o.gate_seconds for o in first) / sum(o.seconds for o in first),
        "failed": [o.table for o in (*first, *second, *third) if o.error],
        **spark_work(events, ended_ms),
    }


def count_commits(root: Path) -> int:
    """Commits of all tables of all layers."""
    return sum(1 for layer in ("bronze", "silver", "gold") for _ in (root / layer).rglob("*.json"))


def spark_work(events: Path, until_ms: float) -> dict[str, Any]:
    """What Spark did for the jobs that started by a moment, from the log of an ended session."""
    log, _ = find_log(events)
    work = read_event_log(log).until(until_ms)
    load = work.whole.load
    return {
        "spark_jobs": work.whole.jobs,
        "spark_tasks": load.tasks,
        "spark_task_s": round(load.task_ms / 1000, 1),
        "skew": work.whole.skew,
        "gc_share": load.gc_share,
        "spilled_bytes": load.spilled_bytes,
        "shuffle_ratio": load.shuffle_ratio,
    }


def _shown(name: str, value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, float):
        return f"{value:.1%}" if name.endswith(("_share", "_ratio")) else short(value)
    return "not known" if value is None else f"{value:,}"


def main(
    *,
    users: Annotated[int, typer.Option(help="Users to generate.")] = 10_000,
    events: Annotated[int, typer.Option(help="Usage events to generate.")] = 200_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Generate data, run twice, print the figures."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        subprocess.run(  # noqa: S603  # our own script
            [
                *(sys.executable, str(GENERATOR), "--out", str(root / "raw"), "--quiet"),
                *("--users", str(users), "--events", str(events), "--domains", "growth"),
            ],
            check=True,
        )
        figures = measure(root) | {"users": users, "events": events, "cores": os.cpu_count()}
    if as_json:
        typer.echo(json.dumps(figures, indent=2))
        return
    grid = Grid("what", "figure", box=None)
    for name, value in figures.items():
        if name != "tables":
            grid.add_row(name, _shown(name, value))
    for table, figure in figures["tables"].items():
        grid.add_row(table, f"{figure['s']:.1f} s, of which gates {figure['gates_s']:.1f} s")
    Console().print(grid)
    raise typer.Exit(1 if figures["failed"] else 0)


if __name__ == "__main__":
    typer.run(main)
