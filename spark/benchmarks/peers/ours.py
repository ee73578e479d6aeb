"""Ours: the pipeline of this repository with its gates, in one process and one JVM.

    python -m benchmarks.peers.ours ingest enrich … --raw RAW --home HOME [--late FILE]...

Makes the tables twice: into an empty lake with a JVM that has compiled nothing (cold), where it
looks again when nothing came, and into a second lake with the same engine (warm). There it then
makes what files that come later ask for; each `--late` is a run of its own. Each `--profiles` file
lands in a third lake, of which only the history of profiles is made.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import timed
from benchmarks.ours.merges import merges
from benchmarks.ours.references import references
from benchmarks.ours.runs import run, so_far
from benchmarks.workloads import EVERYTHING, WORKLOADS
from lakehouse.catalog.registry import registry
from lakehouse.engine.lake import Lake
from lakehouse.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.workloads import Workload


def main() -> None:
    """Run, and print seconds by phase and workload."""
    given = arguments()
    settings = load_settings(
        root=str(given.home / "cold"),
        raw=str(given.raw),
        driver_memory=given.memory,
        event_log=str(given.events or ""),
        parallelism=2,
    )
    workloads = [each for each in WORKLOADS if each.name in given.workloads]
    told: dict[str, Any] = {}
    with Lake(settings, registry()) as lake:
        told["session"], spark = timed(lambda: lake.spark)
        told["cold"] = {each.name: run(lake, each.tables) for each in workloads}
        told["cold_ended_ms"] = time.time() * 1000
        told["cold_cost"] = so_far()
        if workloads:
            told["unchanged"] = run(lake, [table for each in workloads for table in each.tables])
            warm = settings.model_copy(update={"root": str(given.home / "warm")})
            told |= again(Lake(warm, registry(), spark), workloads, given.late, given.raw)
        if given.profiles:
            root = given.home / "merges"
            third = settings.model_copy(update={"root": str(root), "raw": str(root / "raw")})
            told["merges"] = merges(Lake(third, registry(), spark), root / "raw", given.profiles)
    sys.stdout.write(json.dumps(told) + "\n")


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD")
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--events", type=Path)
    parser.add_argument("--late", type=Path, action="append", default=[])
    parser.add_argument("--profiles", type=Path, action="append", default=[])
    parser.add_argument("--memory", default="3g")
    return parser.parse_args()


def again(
    lake: Lake, workloads: Sequence[Workload], late: Sequence[Path], raw: Path
) -> dict[str, Any]:
    """The second lake, what its marts are measured against, and then what came later."""
    told: dict[str, Any] = {"warm": {each.name: run(lake, each.tables) for each in workloads}}
    if len(workloads) == len(WORKLOADS):
        told["references"] = references(lake)
    for file in late:
        os.link(file, raw / "user_interactions" / file.name)
        told[f"late {file.name}"] = run(lake, EVERYTHING)
    return told


if __name__ == "__main__":
    main()
