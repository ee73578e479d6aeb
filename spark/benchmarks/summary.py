"""`python -m benchmarks.summary 10m`: the few figures for README, from what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks import results
from benchmarks.data import PROJECT
from benchmarks.measure import Cost
from benchmarks.merges import UNCHANGED, Merge
from benchmarks.options import stop
from benchmarks.results import OURS, Round
from benchmarks.sections import grid
from benchmarks.tasks import TaskClass

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = PROJECT / "spark/docs/benchmarks"
NONE = "–"  # noqa: RUF001  # a dash
ANEW = "all of it again"


def loaded(told: dict[str, Any]) -> Round:
    """A round as `report.write` wrote it."""
    nested = {
        "cost": Cost(**told["cost"]),
        "tasks": [TaskClass(**each) for each in told["tasks"]],
        "merges": {name: Merge(**each) for name, each in told["merges"].items()},
    }
    return Round(**told | nested)


def summary(file: Path) -> list[str]:
    """A table of all peers, and where it comes from."""
    told = json.loads(file.read_text())
    about, rounds = told["about"], [loaded(each) for each in told["rounds"]]
    peers = results.peers_of(rounds)
    rows = [
        ["all of it, from start to end, s", *(_seconds(rounds, peer, "W6") for peer in peers)],
        ["one more day, s", *(_later(rounds, peer, "W7") for peer in peers)],
        ["nothing new, s", *(_later(rounds, peer, UNCHANGED) for peer in peers)],
        ["SCD2 merge of 1 %, s", *(_merge(rounds, peer) for peer in peers)],
        ["peak memory, GB", *(_memory(rounds, peer) for peer in peers)],
    ]
    n = sum(each.peer == peers[0] for each in rounds)
    where = (
        f"{about['scale']} interactions, {about['cores']} cores of a shared machine, "
        f"{about['date']}, {'one round' if n == 1 else f'medians of {n} rounds'}: "
        f"`{about['command']}`."
    )
    return [*grid(["", *peers], rows), "", where]


def _seconds(rounds: Sequence[Round], peer: str, key: str) -> str:
    if results.is_wrong(rounds, peer, key):
        return "wrong"
    return _shown(results.median(rounds, peer, key))


def _later(rounds: Sequence[Round], peer: str, key: str) -> str:
    return _seconds(rounds, peer, key) if peer in OURS else ANEW


def _merge(rounds: Sequence[Round], peer: str) -> str:
    return _shown(results.middle(results.merge_figures(rounds, peer, "1", "wall_s")))


def _memory(rounds: Sequence[Round], peer: str) -> str:
    return _shown(max(each.cost.peak_mib * 2**20 / 1e9 for each in rounds if each.peer == peer))


def _shown(figure: float | None) -> str:
    return NONE if figure is None else results.short(figure)


def main(
    scale: Annotated[str, typer.Argument(help="Which was measured.")] = "10m",
    out: Annotated[Path, typer.Option(help="Where its figures are.")] = RESULTS,
) -> None:
    """Print the table."""
    file = out / f"{scale}.json"
    if not file.exists():
        stop(f"{file} is missing: `make benchmark SCALE={scale}` measures it")
    typer.echo("\n".join(summary(file)))


if __name__ == "__main__":
    typer.run(main)
