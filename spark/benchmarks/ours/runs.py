"""Runs of our lake, and what each took."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from benchmarks.measure import timed
from lakehouse.engine.job import new_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.engine.lake import Lake
    from lakehouse.engine.outcome import Outcome


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
