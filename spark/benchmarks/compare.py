"""Rounds of peers side by side: each round runs every peer once, one after the other."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from benchmarks.data import PEERS, PROJECT, Landing, link
from benchmarks.equality import Judge
from benchmarks.measure import CommandFailedError, Cost, measured, timed
from benchmarks.merges import UNCHANGED, of_ours, of_peer
from benchmarks.results import DUCKDB, OURS, POLARS, TEXTBOOK, WARM, Round, engine_of
from benchmarks.tasks import task_classes
from benchmarks.workloads import WORKLOADS, needed
from lakehouse.engines.spark.java import java_environment
from lakehouse.observability.event_files import find_log
from lakehouse.observability.eventlog import read_event_log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.profiles import Profiles
    from benchmarks.workloads import Workload
    from lakehouse.observability.application import Part

VENV = PROJECT / ".venv-benchmark"
"""Polars, which the product itself does not need."""
MERGERS = (*OURS, TEXTBOOK, DUCKDB)
"""Who does W8."""
MUST_DO = {*OURS, DUCKDB}
"""Without them there is nothing to compare."""


@dataclass(frozen=True)
class Work:
    """What every peer is asked to do.

    Attributes:
        landing: Files to make the tables of.
        profiles: Deliveries for W8; None = it is not asked for.
        named: Workloads that are asked for; those that they need run as well.
        memory: What each peer may take, e.g. 3g.
    """

    landing: Landing
    profiles: Profiles | None
    named: tuple[str, ...]
    memory: str


def compare(
    work: Work, peers: Sequence[str], scratch: Path, say: Callable[[str], None]
) -> list[Round]:
    """One round. DuckDB goes first: the others must make its tables.

    A peer that does not end well, as one may at a scale that is too much for it, is left out.

    Raises:
        CommandFailedError: We, on either engine, or DuckDB did not end well.
        WrongHistoryError: A peer's history (W8) is not what was planted.
    """
    rounds = []
    busy = [peer for peer in peers if needed(work.named) or peer in MERGERS]
    homes = {peer: scratch / peer for peer in busy}
    for peer in sorted(busy, key=lambda name: name != DUCKDB):
        home = homes[peer]
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        try:
            took, done = timed(
                lambda p=peer, h=home: _ours(p, work, h) if p in OURS else _peer(p, work, h)  # type: ignore[misc]  # the defaults bind
            )
        except CommandFailedError as error:
            if peer in MUST_DO:
                raise
            say(f"{peer:11} left out: {error}")
            continue
        rounds.append(done)
        say(f"{peer:11} {took:8.1f} s in all  {done.cost.peak_mib:6} MiB")
    judge = Judge(homes[DUCKDB])
    for done in rounds:
        where = homes[done.peer] / "cold" if done.peer in OURS else homes[done.peer]
        done.differing = judge.differing(where, done.told.get("versions"))
    return rounds


def _peer(peer: str, work: Work, home: Path) -> Round:
    """A process a workload, as each is a job of its own; all but the held files are there."""
    done = Round(peer)
    costs = []
    for each in needed(work.named):
        words = _command(peer, each.name, home, work.memory)
        command = [*words, "--raw", str(work.landing.base), "--home", str(home)]
        cost, done.told[each.key] = measured(command, home / f"{each.name}.log", environment())
        costs.append(cost)
        done.seconds[each.key] = cost.wall_s
    done.cost = _sum(costs)
    if len(costs) == len(WORKLOADS):
        done.seconds["W6"] = round(sum(done.seconds.values()), 2)
    if (home / "events").exists():
        logs = [find_log(folder)[0] for folder in sorted((home / "events").iterdir())]
        done.spark = _figures([read_event_log(log).whole for log in logs])
        done.tasks = task_classes(logs)
    if work.profiles and peer in MERGERS:
        done.merges = of_peer(peer, work.profiles, home / "merges", work.memory, environment())
    return done


def _command(peer: str, workload: str, home: Path, memory: str) -> list[str]:
    size = f"{memory.rstrip('gG')}GB"
    if peer == DUCKDB:
        return [sys.executable, str(PEERS / "duckdb_sql.py"), workload, "--memory", size]
    if peer == POLARS:
        python = str(VENV / "bin/python")
        return [python, str(PEERS / "polars_lazy.py"), workload, "--memory", size]
    events = ["--events", str(home / "events" / workload)]
    return [sys.executable, str(PEERS / "textbook.py"), workload, "--memory", memory, *events]


def _ours(peer: str, work: Work, home: Path) -> Round:
    """One process: cold, unchanged, warm, the days that come later, and the history of profiles."""
    raw, landing = home / "raw", work.landing
    link(landing.base, raw)
    workloads = needed(work.named)
    late = {"W7": landing.last, "W9": landing.past}
    late = {key: file for key, file in late.items() if key in work.named}
    files = work.profiles.files if work.profiles else []
    command = [sys.executable, "-m", "benchmarks.peers.ours", *(each.name for each in workloads)]
    command += ["--engine", engine_of(peer), "--memory", work.memory]
    command += ["--raw", str(raw), "--home", str(home), "--events", str(home / "events")]
    command += [f"--late={file}" for file in late.values()]
    command += [f"--profiles={file}" for file in files]
    cost, told = measured(command, home / "ours.log", environment())
    done = Round(peer, told=told)
    # Of the machine's work only that of the cold run is what the others do, too.
    done.cost = replace(cost, **told["cold_cost"])
    done.seconds = _seconds(told, workloads)
    done.seconds |= {key: told[f"late {file.name}"]["wall_s"] for key, file in late.items()}
    if workloads:
        gates, tables = (
            sum(told["cold"][each.name][figure] for each in workloads)
            for figure in ("gates_s", "tables_s")
        )
        done.lake = told["cold_lake"] | {"gate_share": gates / tables}
    if workloads and (home / "events").exists():
        log, _ = find_log(home / "events")
        done.spark = _figures([read_event_log(log).until(told["cold_ended_ms"]).whole])
        done.tasks = task_classes([log], told["cold_ended_ms"])
    if work.profiles:
        done.merges = of_ours(peer, told, work.profiles)
    return done


def _seconds(told: dict[str, Any], workloads: Sequence[Workload]) -> dict[str, float]:
    """By workload; all of it, and what follows it, only of a whole pipeline."""
    phases = {"": told["cold"], WARM: told.get("warm", {})}
    found = {
        f"{each.key}{kind}": phase[each.name]["wall_s"]
        for kind, phase in phases.items()
        for each in workloads
        if phase
    }
    if len(workloads) < len(WORKLOADS):
        return found
    whole = {kind: sum(each["wall_s"] for each in phase.values()) for kind, phase in phases.items()}
    found["W6"] = round(told["start_s"] + whole[""], 2)
    if phases[WARM]:
        found[f"W6{WARM}"] = round(whole[WARM], 2)
    return found | {UNCHANGED: told["unchanged"]["wall_s"], **told["references"]}


def environment() -> dict[str, str]:
    """Of a peer's process: our code, a Java, UTC."""
    paths = os.pathsep.join(filter(None, [str(PROJECT / "spark"), os.environ.get("PYTHONPATH")]))
    return {
        **os.environ,
        **java_environment(),
        "PYTHONPATH": paths,
        "TZ": "UTC",
        "BENCHMARK_VENV": str(VENV),
    }


def _sum(costs: Sequence[Cost]) -> Cost:
    if not costs:
        return Cost(load=round(os.getloadavg()[0], 2))
    rows = [asdict(cost) for cost in costs]
    total = {name: round(sum(row[name] for row in rows), 2) for name in rows[0]}
    return Cost(**total | {"peak_mib": max(c.peak_mib for c in costs), "load": costs[0].load})


def _figures(parts: Sequence[Part]) -> dict[str, float]:
    """What Spark did, applications added; skew and shares of the worst, where there are any."""
    worst = {
        "shuffle_ratio": [part.load.shuffle_ratio for part in parts],
        "gc_share": [part.load.gc_share for part in parts],
        "skew": [part.skew for part in parts],
    }
    known = {name: [f for f in found if f is not None] for name, found in worst.items()}
    return {
        "jobs": sum(part.jobs for part in parts),
        "tasks": sum(part.load.tasks for part in parts),
        "spilled_mib": round(sum(part.load.spilled_bytes for part in parts) / 2**20),
        **{name: max(found) for name, found in known.items() if found},
    }
