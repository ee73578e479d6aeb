"""Lakes of ours, their runs, and what each took."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.measure import timed
from benchmarks.workloads import EVERYTHING
from lakehouse.engine.job import new_request
from lakehouse.engine.lake import Lake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.engine.outcome import Outcome


def another(lake: Lake, root: Path, raw: Path) -> Lake:
    """A second lake on the same engine; it is the first one's to stop."""
    settings = lake.settings.model_copy(update={"root": str(root), "raw": str(raw)})
    made = Lake(settings, lake.registry)
    made.host = lake.host
    return made


def outcomes(lake: Lake, tables: Sequence[str]) -> tuple[float, list[Outcome]]:
    """Wall seconds of a run, and what became of its tables.

    Raises:
        SystemExit: A table failed.
    """
    wall, done = timed(lambda: lake.run(list(tables), new_request()))
    if failed := [f"{o.table}: {o.error}" for o in done if o.error]:
        raise SystemExit("\n".join(failed))
    return wall, done


def run(lake: Lake, tables: Sequence[str]) -> dict[str, float]:
    """Seconds of a run: wall, gates (summed over tables), and CPU of this process and its JVM.

    Raises:
        SystemExit: A table failed.
    """
    before = cpu_seconds()
    wall, done = outcomes(lake, tables)
    return {
        "wall_s": wall,
        "cpu_s": round(cpu_seconds() - before, 2),
        "tables_s": round(sum(each.seconds for each in done), 2),
        "gates_s": round(sum(each.gate_seconds for each in done), 2),
        "updated": sum(each.outcome == "updated" for each in done),
    }


def published(lake: Lake) -> dict[str, int]:
    """Which version of each table is published."""
    found = {table: lake.states.published(table) for table in EVERYTHING}
    return {table: state.version for table, state in found.items() if state}


def left_behind(lake: Lake) -> dict[str, int]:
    """What the tables of a lake consist of."""
    places = [Path(lake.settings.table_uri(table)) for table in EVERYTHING]
    return {
        "delta_commits": sum(len(list((p / "_delta_log").glob("*.json"))) for p in places),
        "data_files": sum(len(list(p.glob("*.parquet"))) for p in places),
    }


def since_start() -> float:
    """Seconds that this process has run: it has loaded and started what it needs."""
    return round(time.time() - psutil.Process().create_time(), 2)


def cpu_seconds() -> float:
    """User and system time of this process and its children so far."""
    times = [each.cpu_times() for each in _family()]
    return sum(each.user + each.system for each in times)


def so_far() -> dict[str, float]:
    """What this process and its children took until now, named as in `measure.Cost`."""
    io = [each.io_counters() for each in _family()]
    return {
        "cpu_s": round(cpu_seconds(), 2),
        "read_mib": round(sum(each.read_bytes for each in io) / 2**20),
        "written_mib": round(sum(each.write_bytes for each in io) / 2**20),
    }


def _family() -> list[psutil.Process]:
    me = psutil.Process()
    return [me, *me.children(recursive=True)]
