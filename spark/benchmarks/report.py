"""Results as a table for readers, as JSON for programs, and as pictures."""

from __future__ import annotations

import json
import os
import platform
import statistics
import textwrap
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import psutil
from matplotlib.figure import Figure

from benchmarks.compare import DUCKDB, OURS, TEXTBOOK
from benchmarks.workloads import EVERYTHING, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.compare import Round
    from benchmarks.data import Landing

KEYS = (*(each.key for each in WORKLOADS), "W6")
TITLES = {each.key: each.title for each in WORKLOADS} | {
    "W6": "all of it, from start to end",
    "W7": "the next day's file",
    "W9": "a file of a past day",
    "unchanged": "nothing new",
}
OF_COST = {
    "cpu_s": "CPU s",
    "peak_mib": "peak memory, MiB",
    "read_mib": "read, MiB",
    "written_mib": "written, MiB",
    "jvms": "JVM starts",
}
COLOURS = {OURS: "#2563eb", TEXTBOOK: "#9ca3af", DUCKDB: "#f59e0b"}
WIDEST = 22
OTHER_COLOURS = ("#10b981", "#8b5cf6")


def machine() -> dict[str, Any]:
    """Where figures come from."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        **{name: version(name) for name in ("pyspark", "delta-spark", "duckdb")},
    }


def write(rounds: Sequence[Round], scale: str, landing: Landing, command: str, out: Path) -> Path:
    """Write `<scale>.md`, `.json` and `.png` into a folder; returns the first."""
    out.mkdir(parents=True, exist_ok=True)
    about = machine() | {"scale": scale, "data": landing.digest, "command": command}
    raw = {"about": about, "rounds": [asdict(each) for each in rounds]}
    (out / f"{scale}.json").write_text(json.dumps(raw, indent=1, default=str) + "\n")
    picture(rounds, out / f"{scale}.png", f"{scale} interactions, {about['cores']} cores")
    path = out / f"{scale}.md"
    path.write_text(markdown(rounds, about))
    return path


def markdown(rounds: Sequence[Round], about: dict[str, Any]) -> str:
    """The table of results."""
    peers = list(dict.fromkeys(each.peer for each in rounds))
    n = sum(each.peer == peers[0] for each in rounds)
    versions = ", ".join(f"{k} {about[k]}" for k in ("python", "pyspark", "delta-spark", "duckdb"))
    loads = [each.cost.load for each in rounds]
    where = (
        f"`{about['command']}`, {about['date']}, {about['cores']} cores of a shared machine, "
        f"{about['memory_gib']} GiB, {versions}; data {about['data']}. Seconds, median of {n}"
        f" round{'s' if n > 1 else ''} with the spread; every peer ran once a round, load before "
        f"each between {min(loads)} and {max(loads)}."
    )
    lines = [
        f"# {about['scale']} interactions",
        "",
        where,
        "",
        *_grid(
            ["", *peers, "ours warm"],
            [
                [
                    f"{key} {TITLES[key]}",
                    *(_told(rounds, peer, key) for peer in peers),
                    _told(rounds, OURS, f"{key} warm"),
                ]
                for key in KEYS
            ],
        ),
        "",
        *_grid(
            ["only the pipeline can", OURS],
            [
                [f"{key} {TITLES[key]}" if key[0] == "W" else TITLES[key], _told(rounds, OURS, key)]
                for key in ("W7", "W9", "unchanged")
            ],
        ),
        "",
        *_grid(
            ["whole", *peers],
            [
                [title, *(f"{_cost(rounds, peer, name):,.0f}" for peer in peers)]
                for name, title in OF_COST.items()
            ]
            + [["equal to DuckDB's tables", *(_equal(rounds, peer) for peer in peers)]],
        ),
        "",
        *_spark(rounds, peers),
    ]
    return "\n".join(lines).rstrip() + "\n"


def picture(rounds: Sequence[Round], path: Path, title: str) -> None:
    """Seconds by workload and peer, on a scale where a factor is a length."""
    peers = list(dict.fromkeys(each.peer for each in rounds))
    others = iter(OTHER_COLOURS)
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(peers)
    for index, peer in enumerate(peers):
        heights = [
            0 if _is_wrong(rounds, peer, key) else statistics.median(_seconds(rounds, peer, key))
            for key in KEYS
        ]
        places = [n + (index - (len(peers) - 1) / 2) * width for n in range(len(KEYS))]
        colour = COLOURS.get(peer) or next(others)
        bars = axes.bar(places, heights, width * 0.92, label=peer, color=colour)
        axes.bar_label(bars, fmt="%.3g", fontsize=7, padding=1)
    axes.set_yscale("log")
    names = [f"{key}\n{textwrap.fill(TITLES[key], WIDEST)}" for key in KEYS]
    axes.set_xticks(range(len(KEYS)), names, fontsize=7)
    axes.set_ylabel("seconds, logarithmic")
    axes.set_title(title, loc="left")
    axes.legend(frameon=False, ncols=len(peers), fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def _seconds(rounds: Sequence[Round], peer: str, key: str) -> list[float]:
    return [each.seconds[key] for each in rounds if each.peer == peer]


def _told(rounds: Sequence[Round], peer: str, key: str) -> str:
    if _is_wrong(rounds, peer, key):
        return "wrong"
    found = _seconds(rounds, peer, key)
    spread = f" ({min(found):.1f}–{max(found):.1f})" if len(found) > 1 else ""  # noqa: RUF001  # a range
    return f"{statistics.median(found):.1f}{spread}"


def _is_wrong(rounds: Sequence[Round], peer: str, key: str) -> bool:
    """Whether a table of the workload, or of all for W6, is not what DuckDB made."""
    tables = {each.key: set(each.tables) for each in WORKLOADS}.get(key[:2], set(EVERYTHING))
    return any(tables & set(each.differing) for each in rounds if each.peer == peer)


def _cost(rounds: Sequence[Round], peer: str, name: str) -> float:
    found = [float(getattr(each.cost, name)) for each in rounds if each.peer == peer]
    return statistics.median(found)


def _equal(rounds: Sequence[Round], peer: str) -> str:
    differing = sorted({table for each in rounds if each.peer == peer for table in each.differing})
    return "yes" if not differing else f"not {', '.join(differing)}"


def _spark(rounds: Sequence[Round], peers: Sequence[str]) -> list[str]:
    """What Spark did in the last round; a figure that a peer has not is left out."""
    last = {each.peer: each.spark for each in rounds if each.spark}
    there = [peer for peer in peers if peer in last]
    names = dict.fromkeys(name for peer in there for name in last[peer])
    rows = [
        [name.replace("_", " "), *(_short(last[peer].get(name)) for peer in there)]
        for name in names
    ]
    return _grid(["Spark, ours cold", *there], rows)


def _short(figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.3g}"


def _grid(head: list[str], rows: list[list[str]]) -> list[str]:
    marks = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (head, marks, *rows)]
