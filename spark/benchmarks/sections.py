"""The tables of results, each a section in Markdown: a heading and a grid; none without figures."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from benchmarks import results
from benchmarks.merges import UNCHANGED
from benchmarks.profiles import MEASURED
from benchmarks.results import DUCKDB, OURS, best_kind, head
from benchmarks.targets import SCALE, SKEW
from benchmarks.workloads import TITLES, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    "skew": SKEW,
}
OF_LAKE = {
    "gate_share": "gates ÷ time of the tables",
    "delta_commits": "Delta commits",
    "data_files": "data files",
}


def of_workloads(rounds: Sequence[Round], named: Sequence[str]) -> list[str]:
    """Seconds by workload and peer; ours on Spark cold among the others, and warm."""
    columns = results.columns_of(rounds)
    rows = [
        [
            f"{key} {TITLES[key]}",
            *(_told(rounds, column.peer, f"{key}{column.kind}") for column in columns),
        ]
        for key in OF_ALL_PEERS
        if key in named
    ]
    return _section("Workloads", ["", *(column.title for column in columns)], rows)


def of_targets(goals: Sequence[Target], scale: str) -> list[str]:
    """Every target with its limit, its figure and whether it is met, by engine of ours."""
    rows = [
        [
            f"{goal.peer}: {goal.name}",
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
    peers = _ours(rounds)
    rows = [[title, *(_told(rounds, p, key) for p in peers)] for title, key in wanted.items()]
    return _section("Incremental runs (warm)", ["", *peers], rows)


def of_merges(rounds: Sequence[Round], about: dict[str, Any]) -> list[str]:
    """W8 by delivery: ours with what its history took of it, and the others."""
    merging = [each for each in rounds if each.merges]
    ours = _ours(merging)
    others = [peer for peer in results.peers_of(merging) if peer not in OURS]
    rows = [
        [
            f"{name} % of the rows really changed" if name in MEASURED else "nothing landed",
            *(cell for peer in ours for cell in _merge_of_ours(rounds, peer, name)),
            *(_merge(rounds, peer, name, "wall_s") for peer in others),
        ]
        for name in (*MEASURED, UNCHANGED)
        if any(results.merge_figures(rounds, peer, name, "wall_s") for peer in ours)
    ]
    heads = [words for peer in ours for words in (peer, "of it silver.user_profiles", "commits")]
    heads += [f"{peer}, full rebuild" if peer == DUCKDB else f"{peer} MERGE" for peer in others]
    if not rows:
        return []
    title = f"W8 SCD2 merge (warm): {about['keys']:,} users, {about['delivered']:,} delivered"
    return _section(title, ["", *heads], rows)


def _merge_of_ours(rounds: Sequence[Round], peer: str, delivery: str) -> list[str]:
    commits = results.merge_figures(rounds, peer, delivery, "commits")
    return [
        _merge(rounds, peer, delivery, "wall_s"),
        _merge(rounds, peer, delivery, "table_s"),
        _short(max(commits, default=None)),
    ]


def of_references(rounds: Sequence[Round]) -> list[str]:
    """The marts' time against reading, against one aggregate, and against the best peer."""
    ours = {peer: took for peer in _ours(rounds) if (took := results.marts(rounds, peer))}
    others = {p: results.marts(rounds, p) for p in results.peers_of(rounds) if p not in OURS}
    known = {peer: took for peer, took in others.items() if took is not None}
    rows = [
        [
            f"÷ {title}",
            *(_divided(took, results.median(rounds, peer, key)) for peer, took in ours.items()),
        ]
        for key, title in (
            ("scan", "a scan of the columns they read"),
            ("aggregate", "one count by user"),
        )
    ]
    rows += [
        [f"÷ the best other peer's, {peer}", *(_divided(took, best) for took in ours.values())]
        for peer, best in known.items()
        if best == min(known.values())
    ]
    rows.insert(0, ["seconds", *(f"{took:.1f}" for took in ours.values())])
    heads = [f"{peer}{best_kind(peer)}" for peer in ours]
    return _section("Marts (W3 + W4 + W5)", ["", *heads], rows) if ours else []


def _divided(took: float, by: float | None) -> str:
    return f"{results.short(took / by)} (of {by:.2f} s)" if by else ""


def of_costs(rounds: Sequence[Round]) -> list[str]:
    """What the operating system saw of whole pipelines; of ours cold, but memory of all it did."""
    peers = results.peers_of([each for each in rounds if "W6" in each.seconds])
    rows = [
        [title, *(f"{_cost(rounds, peer, name):,.0f}" for peer in peers)]
        for name, title in OF_COST.items()
    ]
    rows.append(["equal to DuckDB's tables", *(_equal(rounds, peer) for peer in peers)])
    return _section("Cost of the full load", ["", *map(head, peers)], rows) if peers else []


def of_spark(rounds: Sequence[Round]) -> list[str]:
    """What Spark did in the last round; a figure that a peer has not is left out."""
    found = {each.peer: each.spark for each in rounds if each.spark and "W6" in each.seconds}
    return _last_round("Spark, last round", OF_SPARK, found)


def of_lakes(rounds: Sequence[Round]) -> list[str]:
    """What a first run of ours left behind in the last round, and what its gates took."""
    found = {each.peer: each.lake for each in rounds if each.lake and "W6" in each.seconds}
    return _last_round("Our lakes, last round", OF_LAKE, found)


def _last_round(
    title: str, names: Mapping[str, str], found: Mapping[str, Mapping[str, float]]
) -> list[str]:
    rows = [
        [words, *(_short(each.get(n)) for each in found.values())] for n, words in names.items()
    ]
    return _section(title, ["", *map(head, found)], rows) if found else []


def _ours(rounds: Sequence[Round]) -> list[str]:
    return [peer for peer in results.peers_of(rounds) if peer in OURS]


def _figure(goal: Target) -> str:
    return "" if goal.figure is None else _with_unit(results.short(goal.figure), goal.unit)


def _with_unit(figure: str, unit: str) -> str:
    return f"{figure} {unit}".rstrip()


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
