"""The pipeline on sample data with one engine: what its start, its tables and its gates took.

    python -m benchmarks.ours.sample --engine spark --raw RAW --home HOME

Runs into an empty lake, and again with nothing new. On Spark then into a second lake on the same
engine: a JVM has compiled nothing when it starts, and the shared engine has.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import timed
from benchmarks.ours.runs import another, since_start
from benchmarks.ours.settings import ENGINES, settings_of
from lakehouse.catalog.registry import registry
from lakehouse.engine.job import new_request
from lakehouse.engine.lake import Lake
from lakehouse.engines.choice import DUCKDB
from lakehouse.observability.event_files import find_log
from lakehouse.observability.eventlog import read_event_log

if TYPE_CHECKING:
    from lakehouse.settings import Settings


def main() -> None:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--engine", choices=ENGINES, required=True)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--memory", default="3g")
    given = parser.parse_args()
    events = given.home / "events"
    root = given.home / "lake"
    more = {"event_log": str(events)}
    settings = settings_of(given.engine, given.memory, root, given.raw, **more)
    told = measured_runs(settings, given.home)
    ended_ms = told.pop("ended_ms")
    if given.engine != DUCKDB:
        told |= spark_work(events, ended_ms)
    sys.stdout.write(json.dumps(told) + "\n")


def measured_runs(settings: Settings, home: Path) -> dict[str, Any]:
    """Run the pipeline, run it again, and on Spark run it into a second lake."""
    names = list(registry().entries)
    with Lake(settings, registry()) as lake:
        lake.host.start()
        start_s = since_start()
        first_s, first = timed(lambda: lake.run(names, new_request()))
        commits = count_commits(Path(settings.root))
        second_s, second = timed(lambda: lake.run(names, new_request()))
        told = {
            "start_s": start_s,
            "first_run_s": first_s,
            "full_s": round(start_s + first_s, 2),
            "nothing_new_s": second_s,
            "nothing_new_commits": count_commits(Path(settings.root)) - commits,
            "ended_ms": time.time() * 1000,
        }
        done = [*first, *second]
        if settings.engine != DUCKDB:
            warm = another(lake, home / "warm", Path(settings.raw))
            told["warm_run_s"], third = timed(lambda: warm.run(names, new_request()))
            done += third
    return told | {
        "tables": {o.table: {"s": o.seconds, "gates_s": o.gate_seconds} for o in first},
        "gate_share": sum(o.gate_seconds for o in first) / sum(o.seconds for o in first),
        "failed": [o.table for o in done if o.error],
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


if __name__ == "__main__":
    main()
