"""Ours: the pipeline of this repository with its gates, in one process and one JVM.

    python -m benchmarks.peers.ours --raw RAW --home HOME [--events DIR] [--late FILE]...

Makes the tables twice: into an empty lake with a JVM that has compiled nothing (cold), where it
looks again when nothing came, and into a second lake with the same engine (warm). There it then
makes what files that come later ask for; each `--late` is a run of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks.measure import timed
from benchmarks.workloads import EVERYTHING, WORKLOADS
from lakehouse.engine.registry import registry
from lakehouse.engine.runner import Lake, new_request
from lakehouse.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """Run, and print seconds by phase and workload."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--events", type=Path)
    parser.add_argument("--late", type=Path, action="append", default=[])
    parser.add_argument("--memory", default="3g")
    given = parser.parse_args()
    settings = load_settings(
        root=str(given.home / "cold"),
        raw=str(given.raw),
        driver_memory=given.memory,
        event_log=str(given.events or ""),
        parallelism=2,
    )
    told: dict[str, Any] = {}
    with Lake(settings, registry()) as lake:
        told["session"], spark = timed(lambda: lake.spark)
        told["cold"] = {each.name: run(lake, each.tables) for each in WORKLOADS}
        told["cold_ended_ms"] = time.time() * 1000
        told["unchanged"] = run(lake, EVERYTHING)
        warm = settings.model_copy(update={"root": str(given.home / "warm")})
        told |= again(Lake(warm, registry(), spark), given.late, given.raw)
    sys.stdout.write(json.dumps(told) + "\n")


def again(lake: Lake, late: Sequence[Path], raw: Path) -> dict[str, Any]:
    """The second lake, and then what came later, file by file."""
    told: dict[str, Any] = {"warm": {each.name: run(lake, each.tables) for each in WORKLOADS}}
    for file in late:
        there = raw / "user_interactions" / file.name
        os.link(file, there)
        told[f"late {file.name}"] = run(lake, EVERYTHING)
    return told


def run(lake: Lake, tables: Sequence[str]) -> dict[str, float]:
    """Seconds of a run: wall, gates (summed over tables), and CPU of this process and its JVM.

    Raises:
        SystemExit: A table failed.
    """
    before = cpu_seconds()
    wall, outcomes = timed(lambda: lake.run(list(tables), new_request()))
    if failed := [f"{o.table}: {o.error}" for o in outcomes if o.error]:
        raise SystemExit("\n".join(failed))
    return {
        "wall_s": wall,
        "cpu_s": round(cpu_seconds() - before, 2),
        "tables_s": round(sum(each.seconds for each in outcomes), 2),
        "gates_s": round(sum(each.gate_seconds for each in outcomes), 2),
        "updated": sum(each.outcome == "updated" for each in outcomes),
    }


def cpu_seconds() -> float:
    """User and system time of this process and its children so far."""
    me = psutil.Process()
    times = [each.cpu_times() for each in (me, *me.children(recursive=True))]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
