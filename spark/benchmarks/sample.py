"""Measure the pipeline on sample data, on either engine, each in a process of its own.

`full_s` is what a newcomer sees: from the start of the process to the last table, by a JVM that has
compiled nothing yet where there is one. `warm_run_s` is the same work, into an empty lake, on the
engine that has done it once: what the shared engine gives. `nothing_new_command_s` is the command
`lakehouse run` when nothing came.

Runs on lakes of its own in a temporary folder. Figures of one run on a shared machine are noisy:
compare ratios within a run, and counts, which are not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as Grid

from benchmarks.compare import environment
from benchmarks.data import GENERATOR
from benchmarks.measure import CommandFailedError, measured, timed
from benchmarks.options import EXIT_FAILED, chosen
from benchmarks.ours.settings import ENGINES
from benchmarks.results import OURS_DUCKDB, engine_of, short
from benchmarks.targets import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

USERS, EVENTS = 10_000, 200_000
"""Of the sample that the limits are meant for: as many interactions as usage events."""


def measure(engine: str, raw: Path, home: Path, memory: str) -> dict[str, Any]:
    """What an engine took for the pipeline on landed files.

    Raises:
        CommandFailedError: It did not end well.
    """
    home.mkdir(parents=True)
    command = [sys.executable, "-m", "benchmarks.ours.sample", "--engine", engine]
    command += ["--raw", str(raw), "--home", str(home), "--memory", memory]
    cost, told = measured(command, home / "sample.log", environment())
    if not told["failed"]:
        told["nothing_new_command_s"] = again(engine, raw, home / "lake")
    return dict(told) | {"peak_mib": cost.peak_mib}


def again(engine: str, raw: Path, root: Path) -> float:
    """Seconds of the command that brings all tables up to date, when they are.

    Raises:
        CommandFailedError: It did not end well.
    """
    ours = {"ROOT": str(root), "RAW": str(raw), "ENGINE": engine}
    env = environment() | {f"LAKEHOUSE_{name}": value for name, value in ours.items()}
    command = [sys.executable, "-m", "lakehouse", "run"]
    took, done = timed(lambda: subprocess.run(command, check=False, env=env, capture_output=True))  # noqa: S603  # our own command
    if done.returncode:
        words = done.stderr.decode()
        raise CommandFailedError(f"lakehouse run exits with {done.returncode}: {words}")
    return took


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """What the sample is to take on DuckDB, from its figures."""
    return [
        Target(OURS_DUCKDB, "sample, full_s", "≤", 12, figures.get("full_s"), "s"),
        Target(OURS_DUCKDB, "sample, nothing_new_s", "<", 1, figures.get("nothing_new_s"), "s"),
    ]


def grid_of(found: Mapping[str, Mapping[str, Any]]) -> Grid:
    """Figures by engine, side by side, then what each table took."""
    grid = Grid("what", *(f"ours-{engine}" for engine in found), box=None)
    names = dict.fromkeys(name for figures in found.values() for name in figures)
    for name in names:
        if name != "tables":
            grid.add_row(name, *(_shown(name, each.get(name, "")) for each in found.values()))
    grid.add_row("seconds by table (of which gates)")
    tables = dict.fromkeys(table for figures in found.values() for table in figures["tables"])
    for table in tables:
        grid.add_row(table, *(_told(each["tables"].get(table)) for each in found.values()))
    return grid


def _shown(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, float):
        return f"{value:.1%}" if name.endswith(("_share", "_ratio")) else short(value)
    return "not known" if value is None else f"{value:,}"


def _told(table: Mapping[str, float] | None) -> str:
    return f"{table['s']:.2f} ({table['gates_s']:.2f})" if table else ""


def main(
    *,
    users: Annotated[int, typer.Option(help="Users to generate.")] = USERS,
    events: Annotated[int, typer.Option(help="Events and interactions to generate.")] = EVENTS,
    engine: Annotated[str, typer.Option(help="Which, separated by commas.")] = ",".join(ENGINES),
    memory: Annotated[str, typer.Option(help="Of each engine, e.g. 3g.")] = "3g",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Generate data, run each engine on them, print the figures."""
    engines = chosen("--engine", engine, ENGINES)
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "raw"
        command = [sys.executable, str(GENERATOR), "--out", str(raw), "--quiet"]
        subprocess.run([*command, "--users", str(users), "--events", str(events)], check=True)  # noqa: S603  # our own script
        try:
            found = {each: measure(each, raw, Path(scratch) / each, memory) for each in engines}
        except CommandFailedError as error:
            typer.echo(f"{error}\n{_end_of_log(Path(scratch))}", err=True)
            raise typer.Exit(EXIT_FAILED) from error
    if as_json:
        about = {"users": users, "events": events, "cores": os.cpu_count()}
        typer.echo(json.dumps(about | {"engines": found}, indent=2))
    else:
        console = Console()
        console.print(grid_of(found))
        is_whole = (users, events) == (USERS, EVENTS)
        for goal in targets(found.get(engine_of(OURS_DUCKDB), {})) if is_whole else ():
            limit = f"{goal.sign} {goal.limit:g} {goal.unit}"
            console.print(f"{goal.peer}, {goal.name} {limit}: {goal.verdict}")
    raise typer.Exit(EXIT_FAILED if any(each["failed"] for each in found.values()) else 0)


def _end_of_log(scratch: Path) -> str:
    """The last words of the processes: their folder goes with them."""
    return "\n".join(log.read_text()[-2000:] for log in sorted(scratch.glob("*/sample.log")))


if __name__ == "__main__":
    typer.run(main)
