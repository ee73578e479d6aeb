"""Results in a folder: tables for readers, JSON for programs, pictures."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import psutil

from benchmarks import pictures, sections
from benchmarks.growth import HISTORY, growth_of_target
from benchmarks.targets import targets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.compare import Work
    from benchmarks.results import Round
    from benchmarks.targets import Target


def machine() -> dict[str, Any]:
    """Where figures come from."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("pyspark", "delta-spark", "duckdb")},
    }


def write(rounds: Sequence[Round], scale: str, work: Work, command: str, out: Path) -> Path:
    """Write `<scale>.md`, `.json` and the pictures into a folder; returns the first."""
    out.mkdir(parents=True, exist_ok=True)
    about = machine() | {
        "scale": scale,
        "data": work.landing.digest,
        "command": command,
        "named": work.named,
        "keys": work.profiles.keys if work.profiles else None,
        "delivered": work.profiles.rows if work.profiles else None,
    }
    raw = {"about": about, "rounds": [asdict(each) for each in rounds]}
    (out / f"{scale}.json").write_text(json.dumps(raw, indent=1, default=str) + "\n")
    title = f"{scale} interactions, {about['cores']} cores"
    if keys := [key for key in sections.OF_ALL_PEERS if key in work.named]:
        pictures.times(rounds, keys, out / f"{scale}.png", f"How long workloads take: {title}")
    if classes := {each.peer: each.tasks for each in rounds if each.tasks}:
        pictures.tasks(classes, out / f"{scale}-tasks.png", f"How long Spark's tasks take: {title}")
    path = out / f"{scale}.md"
    path.write_text(markdown(rounds, about, targets(rounds, growth_of_target(out / HISTORY))))
    return path


def markdown(rounds: Sequence[Round], about: dict[str, Any], goals: Sequence[Target]) -> str:
    """All tables; one without figures is left out."""
    parts = [
        sections.of_workloads(rounds, about["named"]),
        sections.of_targets(goals, about["scale"]),
        sections.of_later(rounds, about["named"]),
        sections.of_merges(rounds, about),
        sections.of_references(rounds),
        sections.of_costs(rounds),
        sections.of_spark(rounds),
        sections.of_lakes(rounds),
    ]
    head = [f"# {about['scale']} interactions", "", _where(rounds, about)]
    return "\n\n".join("\n".join(part) for part in (head, *filter(None, parts))) + "\n"


def _where(rounds: Sequence[Round], about: dict[str, Any]) -> str:
    versions = ", ".join(f"{k} {about[k]}" for k in ("python", "pyspark", "delta-spark", "duckdb"))
    loads = [each.cost.load for each in rounds]
    return (
        f"`{about['command']}`, {about['date']}, {about['cores']} cores of a shared machine, "
        f"{about['memory_gib']} GiB, {versions}; data {about['data']}. Seconds of "
        f"{_rounds(rounds)}; every peer ran once a round, load before each between "
        f"{min(loads)} and {max(loads)}. `ours-spark` and `ours-duckdb` are the pipeline on either "
        "engine, gates and Delta commits included; `duckdb` is plain SQL."
    )


def _rounds(rounds: Sequence[Round]) -> str:
    n = sum(each.peer == rounds[0].peer for each in rounds)
    return f"{n} rounds, medians (and least to most)" if n > 1 else "one round"
