"""Ours: the pipeline of this repository with its gates, in one process, on either engine.

    python -m benchmarks.peers.ours ingest enrich … --engine spark --raw RAW --home HOME

Makes the tables in an empty lake (cold), and looks again when nothing came. Then it makes what
files that come later ask for; each `--late` is a run of its own. A JVM that has compiled nothing
yet is slow, so on Spark these come to a second lake, made with the same engine (warm). Files of
`--profiles` land in a lake of their own, of which only the history of profiles is made.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ours.merges import merges
from benchmarks.ours.references import references
from benchmarks.ours.runs import another, left_behind, published, run, since_start, so_far
from benchmarks.ours.settings import ENGINES, settings_of
from benchmarks.workloads import EVERYTHING, WORKLOADS
from lakehouse.catalog.registry import registry
from lakehouse.engine.lake import Lake
from lakehouse.engines.choice import DUCKDB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.workloads import Workload


def main() -> None:
    """Run, and print seconds by phase and workload."""
    given = arguments()
    settings = settings_of(
        given.engine,
        given.memory,
        given.home / "cold",
        given.raw,
        event_log=str(given.events or ""),
    )
    workloads = [each for each in WORKLOADS if each.name in given.workloads]
    told: dict[str, Any] = {}
    with Lake(settings, registry()) as lake:
        lake.host.start()
        told["start_s"] = since_start()
        told["cold"] = {each.name: run(lake, each.tables) for each in workloads}
        told["cold_ended_ms"] = time.time() * 1000
        told["cold_cost"] = so_far()
        told["versions"], told["cold_lake"] = published(lake), left_behind(lake)
        if workloads:
            told["unchanged"] = run(lake, [table for each in workloads for table in each.tables])
            is_warm = given.engine == DUCKDB
            later = lake if is_warm else another(lake, given.home / "warm", given.raw)
            if not is_warm:
                told["warm"] = {each.name: run(later, each.tables) for each in workloads}
            told |= afterwards(later, workloads, given.late, given.raw)
        if given.profiles:
            root = given.home / "merges"
            third = another(lake, root, root / "raw")
            told["merges"] = merges(third, root / "raw", given.profiles)
    sys.stdout.write(json.dumps(told) + "\n")


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD")
    parser.add_argument("--engine", choices=ENGINES, required=True)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--events", type=Path)
    parser.add_argument("--late", type=Path, action="append", default=[])
    parser.add_argument("--profiles", type=Path, action="append", default=[])
    parser.add_argument("--memory", default="3g")
    return parser.parse_args()


def afterwards(
    lake: Lake, workloads: Sequence[Workload], late: Sequence[Path], raw: Path
) -> dict[str, Any]:
    """What the marts of a lake are measured against, and then what came later."""
    told: dict[str, Any] = {}
    if len(workloads) == len(WORKLOADS):
        told["references"] = references(lake)
    for file in late:
        os.link(file, raw / "user_interactions" / file.name)
        told[f"late {file.name}"] = run(lake, EVERYTHING)
    return told


if __name__ == "__main__":
    main()
