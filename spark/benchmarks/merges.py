"""W8, the SCD2 merge: what each peer took for each delivery, and whether its history is right."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from benchmarks.data import PEERS
from benchmarks.measure import measured
from lakehouse.engines.spark.jars import jar_paths

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.profiles import Profiles

UNCHANGED = "unchanged"


class WrongHistoryError(Exception):
    """A peer's history does not hold what was planted."""


@dataclass(frozen=True)
class Merge:
    """A delivery merged into the history of profiles.

    Attributes:
        wall_s: Seconds from the landed file to the history.
        current: Users in the history, afterwards.
        closed: States in the history that are over, afterwards.
        table_s: Seconds of the history alone, where its source is a table of its own.
        commits: Delta commits to the history, where they are counted.
        all_commits: Those to its source as well.
    """

    wall_s: float
    current: int
    closed: int
    table_s: float | None = None
    commits: int | None = None
    all_commits: int | None = None


def of_ours(peer: str, told: Mapping[str, Any], profiles: Profiles) -> dict[str, Merge]:
    """By delivery, from what our process told; see `checked`."""
    return checked(peer, {name: Merge(**each) for name, each in told["merges"].items()}, profiles)


def of_peer(
    peer: str, profiles: Profiles, home: Path, memory: str, env: Mapping[str, str]
) -> dict[str, Merge]:
    """Run a peer's W8; what it took by delivery.

    Raises:
        CommandFailedError: It does not end well.
        WrongHistoryError: See `checked`.
    """
    home.mkdir()
    command = [sys.executable, str(PEERS / "duckdb_scd2.py"), f"--memory={memory.rstrip('gG')}GB"]
    if peer == "textbook":
        jars = ",".join(str(path) for path in jar_paths())
        command = [sys.executable, str(PEERS / "textbook_scd2.py"), f"--memory={memory}"]
        command += ["--jars", jars]
    command += ["--home", str(home), *map(str, profiles.files)]
    _, told = measured(command, home / "merges.log", env)
    return checked(peer, {name: Merge(**each) for name, each in told.items()}, profiles)


def checked(peer: str, merges: dict[str, Merge], profiles: Profiles) -> dict[str, Merge]:
    """The same, if after each delivery the history holds all users and all states that are over.

    Raises:
        WrongHistoryError: It does not.
    """
    names = [file.stem for file in profiles.files]
    over = accumulate((each.changed for each in profiles.deliveries), initial=0)
    planted = {name: (profiles.keys, n) for name, n in zip(names, over, strict=True)}
    planted[UNCHANGED] = planted[names[-1]]
    found = {name: (each.current, each.closed) for name, each in merges.items()}
    wrong = [f"after {n}: {f}, not {planted[n]}" for n, f in found.items() if f != planted[n]]
    if wrong or not found.keys() >= set(names):
        raise WrongHistoryError(f"{peer}: current and closed rows {'; '.join(wrong) or found}")
    return merges
