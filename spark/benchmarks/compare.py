"""Rounds of peers side by side: each round runs every peer once, one after the other."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.data import PROJECT, Landing, link
from benchmarks.equality import Judge
from benchmarks.measure import Cost, measured
from benchmarks.workloads import EVERYTHING, WORKLOADS
from lakehouse.engine.java import java_environment
from lakehouse.observability.event_files import find_log
from lakehouse.observability.eventlog import read_event_log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakehouse.observability.application import Part

PEERS = Path(__file__).parent / "peers"
VENV = PROJECT / ".venv-benchmark"
"""Polars and Sail, which the product itself does not need."""
OURS, DUCKDB, POLARS, SAIL, TEXTBOOK = "ours", "duckdb", "polars", "sail", "textbook"
NAMES = (OURS, TEXTBOOK, DUCKDB, POLARS, SAIL)


@dataclass
class Round:
    """What one peer did in one round.

    Attributes:
        peer: Which.
        seconds: By workload: W1 to W5, W6 (all of it, with starting), and what only we do.
        cost: What the operating system saw, processes summed, memory at its peak.
        spark: What the event logs tell; empty without Spark.
        told: Everything that the peer printed.
        differing: Tables that are not equal to DuckDB's.
    """

    peer: str
    seconds: dict[str, float]
    cost: Cost
    spark: dict[str, float] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)


def compare(
    landing: Landing, peers: Sequence[str], scratch: Path, memory: str, say: Callable[[str], None]
) -> list[Round]:
    """One round. DuckDB goes first: the others must make its tables."""
    rounds = []
    homes = {peer: scratch / peer for peer in peers}
    for peer in sorted(peers, key=lambda name: name != DUCKDB):
        home = homes[peer]
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        done = _ours(landing, home, memory) if peer == OURS else _peer(peer, landing, home, memory)
        rounds.append(done)
        say(f"{peer:9} {done.seconds['W6']:8.1f} s  {done.cost.peak_mib:6} MiB")
    judge = Judge(homes[DUCKDB])
    for done in rounds:
        is_lake = done.peer == OURS
        where = homes[done.peer] / "cold" if is_lake else homes[done.peer]
        done.differing = judge.differing(where, is_lake=is_lake)
    return rounds


def _peer(peer: str, landing: Landing, home: Path, memory: str) -> Round:
    """A process a workload, as each is a job of its own; all but the held files are there."""
    costs, seconds, told = [], {}, {}
    for each in WORKLOADS:
        words = _command(peer, each.name, home, memory)
        command = [*words, "--raw", str(landing.base), "--home", str(home)]
        cost, told[each.key] = measured(command, home / f"{each.name}.log", _environment())
        costs.append(cost)
        seconds[each.key] = cost.wall_s
    seconds["W6"] = round(sum(seconds.values()), 2)
    logs = home / "events"
    return Round(peer, seconds, _sum(costs), _spark_of(logs) if logs.exists() else {}, told)


def _command(peer: str, workload: str, home: Path, memory: str) -> list[str]:
    size = f"{memory.rstrip('gG')}GB"
    if peer == DUCKDB:
        return [sys.executable, str(PEERS / "duckdb_sql.py"), workload, "--memory", size]
    if peer == POLARS:
        python = str(VENV / "bin/python")
        return [python, str(PEERS / "polars_lazy.py"), workload, "--memory", size]
    if peer == SAIL:
        return [sys.executable, str(PEERS / "sail.py"), workload, "--memory", memory]
    events = ["--events", str(home / "events" / workload)]
    return [sys.executable, str(PEERS / "textbook.py"), workload, "--memory", memory, *events]


def _ours(landing: Landing, home: Path, memory: str) -> Round:
    """One process: cold, unchanged, warm, then the days that come later."""
    raw = home / "raw"
    link(landing.base, raw)
    late = ["--late", str(landing.last), "--late", str(landing.past)]
    command = [sys.executable, "-m", "benchmarks.peers.ours", "--raw", str(raw)]
    command += ["--home", str(home), "--events", str(home / "events"), "--memory", memory, *late]
    cost, told = measured(command, home / "ours.log", _environment())
    cold, warm = ({w.key: told[p][w.name]["wall_s"] for w in WORKLOADS} for p in ("cold", "warm"))
    seconds = {
        **cold,
        "W6": round(told["session"] + sum(cold.values()), 2),
        **{f"{key} warm": value for key, value in warm.items()},
        "W6 warm": round(sum(warm.values()), 2),
        "unchanged": told["unchanged"]["wall_s"],
        "W7": told[f"late {landing.last.name}"]["wall_s"],
        "W9": told[f"late {landing.past.name}"]["wall_s"],
    }
    log, _ = find_log(home / "events")
    run = read_event_log(log).until(told["cold_ended_ms"]).whole
    gates, tables = (
        sum(told["cold"][w.name][f] for w in WORKLOADS) for f in ("gates_s", "tables_s")
    )
    spark = _figures([run]) | {"gate_share": gates / tables} | _written(home / "cold")
    return Round(OURS, seconds, cost, spark, told)


def _environment() -> dict[str, str]:
    paths = os.pathsep.join(filter(None, [str(PROJECT / "spark"), os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        **java_environment(),
        "PYTHONPATH": paths,
        "TZ": "UTC",
        "BENCHMARK_VENV": str(VENV),
    }


def _sum(costs: Sequence[Cost]) -> Cost:
    rows = [asdict(cost) for cost in costs]
    total = {name: round(sum(row[name] for row in rows), 2) for name in rows[0]}
    return Cost(**total | {"peak_mib": max(c.peak_mib for c in costs), "load": costs[0].load})


def _spark_of(logs: Path) -> dict[str, float]:
    return _figures([read_event_log(find_log(log)[0]).whole for log in sorted(logs.iterdir())])


def _figures(parts: Sequence[Part]) -> dict[str, float]:
    """What Spark did, applications added; skew and shares of the worst."""
    return {
        "jobs": sum(part.jobs for part in parts),
        "tasks": sum(part.load.tasks for part in parts),
        "spilled_mib": round(sum(part.load.spilled_bytes for part in parts) / 2**20),
        "shuffle_ratio": max(part.load.shuffle_ratio or 0 for part in parts),
        "gc_share": max(part.load.gc_share or 0 for part in parts),
        "skew": max(part.skew or 0 for part in parts),
    }


def _written(root: Path) -> dict[str, int]:
    tables = [root / table.replace(".", "/") for table in EVERYTHING]
    return {
        "delta_commits": sum(len(list((t / "_delta_log").glob("*.json"))) for t in tables),
        "data_files": sum(len(list(t.glob("*.parquet"))) for t in tables),
    }
