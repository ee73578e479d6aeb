"""The tables of results, each a section in Markdown: a heading and a grid; none without figures."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from benchmarks import results
from benchmarks.merges import UNCHANGED
from benchmarks.profiles import MEASURED
from benchmarks.results import DUCKDB, OURS
from benchmarks.targets import SCALE
from benchmarks.workloads import TITLES, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.results import Round
    from benchmarks.targets import Target

OF_ALL_PEERS = (*(each.key for each in WORKLOADS), "W6")
OF_COST = {
    "cpu_s": "CPU s",
    "peak_mib": "peak memory, MiB",
    "read_mib": "read, MiB",
    "written_mib": "written, MiB",
    "jvms": "JVM starts",
}
OF_SPARK = {
    "jobs": "jobs",
    "tasks": "tasks",
    "spilled_mib": "spilled, MiB",
    "shuffle_ratio": "shuffled ÷ input bytes",
    "gc_share": "garbage collection ÷ task time",
    "skew": "longest ÷ median task",
    "gate_share": "gates ÷ time of the tables",
    "delta_commits": "Delta commits",
    "data_files": "data files",
}


def of_workloads(rounds: Sequence[Round], named: Sequence[str]) -> list[str]:
    """Seconds by workload and peer; ours cold among the others, and warm."""
    peers = results.peers_of(rounds)
    rows = [
        [
            f"{key} {TITLES[key]}",
            *(_told(rounds, peer, key) for peer in peers),
            _told(rounds, OURS, f"{key} warm"),
        ]
        for key in OF_ALL_PEERS
        if key in named
    ]
    return _section("Workloads", ["", *_heads(peers), "ours warm"], rows)


def of_targets(goals: Sequence[Target], scale: str) -> list[str]:
    """Every target with its limit, its figure and whether it is met."""
    rows = [
        [
            goal.name,
            _with_unit(f"{goal.sign} {goal.limit:g}", goal.unit),
            _figure(goal),
            goal.verdict,
        ]
        for goal in goals
    ]
    lines = _section("Targets", ["", "limit", "measured", ""], rows)
    if scale != SCALE:
        lines += ["", f"The limits apply to {SCALE}; at {scale} they are only an indication."]
    return lines


def of_later(rounds: Sequence[Round], named: Sequence[str]) -> list[str]:
    """What only the pipeline can: to make no more than what came asks for."""
    wanted = {f"{key} {TITLES[key]}": key for key in ("W7", "W9") if key in named}
    wanted |= {"nothing new": UNCHANGED} if "W6" in named else {}
    rows = [[title, _told(rounds, OURS, key)] for title, key in wanted.items()]
    return _section("Incremental runs (warm)", ["", OURS], rows)


def of_merges(rounds: Sequence[Round], about: dict[str, Any]) -> list[str]:
    """W8 by delivery: ours with what its history took of it, and the others."""
    peers = [peer for peer in results.peers_of(rounds) if peer != OURS]
    peers = [peer for peer in peers if any(r.merges for r in rounds if r.peer == peer)]
    rows = [
        [
            f"{name} % of the rows really changed" if name in MEASURED else "nothing landed",
            *(_merge(rounds, OURS, name, figure) for figure in ("wall_s", "table_s")),
            _short(max(results.merge_figures(rounds, OURS, name, "commits"), default=None)),
            *(_merge(rounds, peer, name, "wall_s") for peer in peers),
        ]
        for name in (*MEASURED, UNCHANGED)
        if results.merge_figures(rounds, OURS, name, "wall_s")
    ]
    anew = {peer: f"{peer}, full rebuild" if peer == DUCKDB else f"{peer} MERGE" for peer in peers}
    head = ["", OURS, "of which silver.user_profiles", "its commits", *anew.values()]
    if not rows:
        return []
    title = f"W8 SCD2 merge (warm): {about['keys']:,} users, {about['delivered']:,} delivered"
    return _section(title, head, rows)


def of_references(rounds: Sequence[Round]) -> list[str]:
    """The marts' time against reading, against one aggregate, and against the best peer."""
    ours = results.marts(rounds, OURS, " warm")
    others = {p: results.marts(rounds, p) for p in results.peers_of(rounds) if p != OURS}
    known = {peer: took for peer, took in others.items() if took is not None}
    against = {
        "a scan of the columns they read": results.median(rounds, OURS, "scan"),
        "one count by user": results.median(rounds, OURS, "aggregate"),
        **{f"the best peer's, {p}": s for p, s in known.items() if s == min(known.values())},
    }
    rows = [
        [title, f"{took:.2f}", results.short(ours / took)]
        for title, took in against.items()
        if ours is not None and took
    ]
    head = [f"our {ours:.1f} s warm, divided by" if ours else "", "s", "ratio"]
    return _section("Marts (W3 + W4 + W5)", head, rows)


def of_costs(rounds: Sequence[Round]) -> list[str]:
    """What the operating system saw of whole pipelines; ours cold, but memory of all it did."""
    peers = results.peers_of([each for each in rounds if "W6" in each.seconds])
    rows = [
        [title, *(f"{_cost(rounds, peer, name):,.0f}" for peer in peers)]
        for name, title in OF_COST.items()
    ]
    rows.append(["equal to DuckDB's tables", *(_equal(rounds, peer) for peer in peers)])
    return _section("Cost of the full load", ["", *_heads(peers)], rows) if peers else []


def of_spark(rounds: Sequence[Round]) -> list[str]:
    """What Spark did in the last round; a figure that a peer has not is left out."""
    last = {each.peer: each.spark for each in rounds if each.spark and "W6" in each.seconds}
    rows = [
        [title, *(_short(figures.get(name)) for figures in last.values())]
        for name, title in OF_SPARK.items()
    ]
    return _section("Spark, last round", ["", *_heads(last)], rows) if last else []


def _figure(goal: Target) -> str:
    return "" if goal.figure is None else _with_unit(results.short(goal.figure), goal.unit)


def _with_unit(figure: str, unit: str) -> str:
    return f"{figure} {unit}".rstrip()


def _heads(peers: Iterable[str]) -> list[str]:
    """Of a column per peer: ours is measured cold where the others are."""
    return ["ours cold" if peer == OURS else peer for peer in peers]


def _told(rounds: Sequence[Round], peer: str, key: str) -> str:
    return (
        "wrong"
        if results.is_wrong(rounds, peer, key)
        else _spread(results.seconds(rounds, peer, key))
    )


def _merge(rounds: Sequence[Round], peer: str, delivery: str, figure: str) -> str:
    return _spread(results.merge_figures(rounds, peer, delivery, figure))


def _spread(found: Sequence[float]) -> str:
    if not found:
        return ""
    spread = f" ({min(found):.1f}–{max(found):.1f})" if len(found) > 1 else ""  # noqa: RUF001  # a range
    return f"{statistics.median(found):.1f}{spread}"


def _cost(rounds: Sequence[Round], peer: str, name: str) -> float:
    found = [float(getattr(each.cost, name)) for each in rounds if each.peer == peer]
    return statistics.median(found)


def _equal(rounds: Sequence[Round], peer: str) -> str:
    differing = sorted({table for each in rounds if each.peer == peer for table in each.differing})
    return "yes" if not differing else f"not {', '.join(differing)}"


def _short(figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:,}" if isinstance(figure, int) else results.short(figure)


def _section(title: str, head: list[str], rows: list[list[str]]) -> list[str]:
    """A heading and a grid; nothing without rows."""
    return [f"## {title}", "", *grid(head, rows)] if rows else []


def grid(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown, figures to the right."""
    marks = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (head, marks, *rows)]
