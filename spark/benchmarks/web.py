"""`python -m benchmarks.web`: workload W10, the web domain on both engines.

Events of 90 days land in files of a day; all tables are made; then the file of one more day lands.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks import report, sections
from benchmarks.compare import environment
from benchmarks.data import DAYS, GENERATOR, LAST_DAY, PROJECT, SEED, link
from benchmarks.history import size_of
from benchmarks.measure import CommandFailedError, measured
from benchmarks.options import EXIT_FAILED, chosen, stop
from benchmarks.ours.settings import ENGINES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.measure import Cost

OUT = PROJECT / "spark/docs/benchmarks"
EVENTS_A_USER = 22
TARGETS = {"duckdb": (120, 15), "spark": (720, 60)}
"""Seconds of a full run and of a day more, at 10 M events."""
TARGET_EVENTS = 10_000_000


def main(
    *,
    events: Annotated[str, typer.Option(help="Events, e.g. 100k, 1m, 10m.")] = "1m",
    engine: Annotated[str, typer.Option(help="Which, separated by commas.")] = ",".join(ENGINES),
    memory: Annotated[str, typer.Option(help="Of each engine, e.g. 3g.")] = "3g",
    scratch: Annotated[
        Path, typer.Option(help="Folder for data and lakes; needs tens of GB at 10m.")
    ] = PROJECT / ".cache/benchmarks",
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = OUT,
) -> None:
    """Measure the web domain, full and a day more, and write what it cost."""
    try:
        wanted = size_of(events)
    except (KeyError, ValueError):
        stop(f"--events: {events} is not a number like 300k or 1m")
    whole = generated(scratch / "data" / f"web-{wanted}", wanted)
    done: dict[str, tuple[Cost, Any]] = {}
    for name in chosen("--engine", engine, ENGINES):
        try:
            done[name] = measure(whole, scratch / "homes/web", memory, name)
        except CommandFailedError as error:  # the other engine may manage it
            typer.echo(f"{name}: left out: {error}", err=True)
            continue
        full, day = (seconds(done[name][1][part]) for part in ("full", "day"))
        typer.echo(f"{name:6} full {full:8.1f} s, a day more {day:6.1f} s")
    if not done:
        raise typer.Exit(EXIT_FAILED)
    command = f"make benchmark-web ARGS='--events {events} --engine {engine}'"
    out.mkdir(parents=True, exist_ok=True)
    page = out / f"web-{events}.md"
    page.write_text(markdown(done, wanted, report.machine() | {"command": command}))
    typer.echo(f"wrote {page}")


def generated(folder: Path, events: int) -> Path:
    """Landing files of a number of events, one a day; made unless they are there."""
    if not (folder / "truth.json").exists():
        words = f"--web-events {events} --users {max(events // EVENTS_A_USER, 10)} --days {DAYS}"
        words += f" --seed {SEED} --daily --end {LAST_DAY} --domains web --force"
        command = [sys.executable, str(GENERATOR), "--out", str(folder), *words.split()]
        subprocess.run(command, check=True)  # noqa: S603  # our own script
    return folder


def measure(whole: Path, home: Path, memory: str, engine: str) -> tuple[Cost, Any]:
    """Run an engine in a process of its own; what that cost, and seconds by table.

    Raises:
        CommandFailedError: A run failed.
    """
    shutil.rmtree(home, ignore_errors=True)
    day = max((whole / "web_events").iterdir())
    link(whole, home / "raw", leave_out=(day,))
    command = [sys.executable, "-m", "benchmarks.ours.web", str(day), "--engine", engine]
    command += ["--raw", str(home / "raw"), "--home", str(home / "lake"), "--memory", memory]
    found = measured(command, home / "web.log", environment())
    shutil.rmtree(home)
    return found


def seconds(tables: Mapping[str, Mapping[str, float]], key: str = "wall_s") -> float:
    """Seconds of all tables."""
    return sum(took[key] for took in tables.values())


def markdown(done: Mapping[str, tuple[Cost, Any]], events: int, about: Mapping[str, Any]) -> str:
    """What it cost on each engine, as a whole and table by table."""
    where = (
        f"`{about['command']}`, {about['date']}, {about['cores']} cores of a shared machine, "
        f"{about['memory_gib']} GiB. Gates and Delta included; tables run one after the other. "
        "A day more is the file of the last day, which has late events of the days before."
    )
    lines = [f"# The web domain: {events:,} events of {DAYS} days (W10)", "", where, ""]
    head = ["", "full s", "CPU s", "a day more s", "unchanged s", "peak MiB"]
    if events == TARGET_EVENTS:
        head += ["target full", "target day"]
    rows = []
    for name, (cost, told) in done.items():
        row = [
            f"ours-{name}",
            f"{seconds(told['full']):.1f}",
            f"{seconds(told['full'], 'cpu_s'):.1f}",
            f"{seconds(told['day']):.1f}",
            f"{told['unchanged']['wall_s']:.1f}",
            f"{cost.peak_mib:,.0f}",
        ]
        if events == TARGET_EVENTS:
            row += [
                f"{target} s: {'met' if took <= target else 'not met'}"
                for target, took in zip(
                    TARGETS[name],
                    (seconds(told["full"]), seconds(told["day"])),
                    strict=True,
                )
            ]
        rows.append(row)
    lines += [*sections.grid(head, rows), "", "Seconds by table: full / a day more.", ""]
    names = sorted(
        next(iter(done.values()))[1]["full"],
        key=lambda table: -max(told["full"][table]["wall_s"] for _, told in done.values()),
    )
    lines += sections.grid(
        ["", "rows", *(f"ours-{name}" for name in done)],
        [
            [
                f"`{table}`",
                f"{next(iter(done.values()))[1]['rows'][table]:,}",
                *(
                    f"{told['full'][table]['wall_s']:.1f} / {told['day'][table]['wall_s']:.1f}"
                    for _, told in done.values()
                ),
            ]
            for table in names
        ],
    )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    # Told to end, it ends the engine that runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_FAILED))
    typer.run(main)
