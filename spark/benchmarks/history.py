"""`python -m benchmarks.history`: what one more day costs, against the length of the history.

One set of landing files is made for the longest history. A shorter one has its newest days only:
the day that is measured, and the days before it, are the same files whatever the history.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks import pictures, report, sections
from benchmarks.compare import environment
from benchmarks.data import PROJECT, SCALES, generate
from benchmarks.growth import HISTORY, Day, engines_of, growth, of_engine
from benchmarks.measure import CommandFailedError, measured
from benchmarks.options import EXIT_FAILED, chosen, stop
from benchmarks.ours.settings import ENGINES

if TYPE_CHECKING:
    from collections.abc import Sequence

OUT = PROJECT / "spark/docs/benchmarks"
SUFFIXES = {"k": 1_000, "m": 1_000_000}
DEAREST = 5
MIN_DAYS = 2
"""One that is loaded, and one that warms up."""


def main(  # noqa: PLR0913  # one parameter per option
    *,
    sizes: Annotated[str, typer.Option(help="Rows of history, e.g. 300k,1m,30m.")] = "1m,3m,10m",
    engine: Annotated[str, typer.Option(help="Which, separated by commas.")] = ",".join(ENGINES),
    rows_a_day: Annotated[
        int, typer.Option(min=100, help="Rows that land a day, on average.")
    ] = 33_333,
    memory: Annotated[str, typer.Option(help="Of each engine, e.g. 3g.")] = "3g",
    scratch: Annotated[
        Path, typer.Option(help="Folder for data and lakes; needs tens of GB from 10m on.")
    ] = PROJECT / ".cache/benchmarks",
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = OUT,
) -> None:
    """Measure one more day on histories of several sizes, and write what it cost."""
    try:
        wanted = sorted({size_of(text.strip()) for text in sizes.split(",")})
    except (KeyError, ValueError):
        stop(f"--sizes: {sizes} is not a list like 300k,1m")
    engines = chosen("--engine", engine, ENGINES)
    days = wanted[-1] // rows_a_day
    interactions, users = SCALES["1m"]
    if days <= MIN_DAYS:
        stop(f"--sizes: {wanted[-1]} rows at {rows_a_day} a day are {days} days")
    whole = scratch / "data" / f"history-{wanted[-1]}-{rows_a_day}"
    generate(whole, wanted[-1], wanted[-1] * users // interactions, days)
    done, failed = [], False
    for rows, name in product(wanted, engines):
        try:
            done.append(measure(whole, rows, scratch / "homes/history", memory, name))
        except CommandFailedError as error:  # the other engine may manage it
            typer.echo(f"{name}, {rows:,} rows: left out: {error}", err=True)
            failed = True
            continue
        typer.echo(f"{name:6} {rows:12,} rows: a day takes {done[-1].whole_s:8.1f} s")
    told = f"--sizes {sizes} --rows-a-day {rows_a_day} --engine {','.join(engines)}"
    command = f"make benchmark-history ARGS='{told}'"
    if done:
        typer.echo(f"wrote {write(done, command, out)}")
    if failed:
        raise typer.Exit(EXIT_FAILED)


def size_of(text: str) -> int:
    """A number of rows: 300k, 1m, 5000.

    Raises:
        KeyError: Its last letter is neither k nor m.
        ValueError: It is no number.
    """
    return int(text) if text.isdigit() else int(text[:-1]) * SUFFIXES[text[-1]]


def measure(whole: Path, rows: int, home: Path, memory: str, engine: str) -> Day:
    """Load a history in a process of its own, then a day that warms up, then the day.

    Raises:
        CommandFailedError: A run failed.
    """
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    *before, day = sorted((whole / "user_interactions").iterdir())
    *history, warm_up = newest(before, rows)
    users = land(whole, home / "raw", history, later=(warm_up, day))
    command = [sys.executable, "-m", "benchmarks.ours.day", str(warm_up), str(day)]
    command += ["--raw", str(home / "raw"), "--home", str(home / "lake")]
    command += ["--engine", engine, "--memory", memory]
    _, told = measured(command, home / "day.log", environment())
    shutil.rmtree(home)
    return Day(
        engine=engine,
        rows=sum(map(n_lines, (*history, warm_up))),
        days=len(history) + 1,
        delivered=n_lines(day),
        users=users,
        seconds={table: took["wall_s"] for table, took in told["day"].items()},
        cpu_s={table: took["cpu_s"] for table, took in told["day"].items()},
    )


def newest(files: Sequence[Path], rows: int) -> list[Path]:
    """The newest files of a list in order of time that hold at least so many lines; two or more."""
    held, n = 0, 0
    while n < len(files) and (held < rows or n < MIN_DAYS):
        n += 1
        held += n_lines(files[-n])
    return list(files[len(files) - n :])


def n_lines(file: Path) -> int:
    """Lines of a landing file without its header."""
    return file.read_bytes().count(b"\n") - 1


def land(whole: Path, raw: Path, files: Sequence[Path], later: Sequence[Path]) -> int:
    """Land files of interactions, and the records of all users in them and in what comes later.

    Returns:
        How many users these are.
    """
    users = set()
    for file in (*files, *later):
        lines = file.read_bytes().splitlines()
        users |= {line.split(b",", 2)[1] for line in lines if line.count(b",") > 1}
    (raw / "user_interactions").mkdir(parents=True)
    for file in files:
        os.link(file, raw / "user_interactions" / file.name)
    (raw / "user_metadata").mkdir()
    for file in sorted((whole / "user_metadata").iterdir()):
        header, *lines = file.read_bytes().splitlines(keepends=True)
        told = [line for line in lines if line.partition(b",")[0] in users]
        (raw / "user_metadata" / file.name).write_bytes(b"".join((header, *told)))
    return len(users)


def write(done: Sequence[Day], command: str, out: Path) -> Path:
    """Write `history.md`, `.json` and `.png` into a folder; returns the first."""
    out.mkdir(parents=True, exist_ok=True)
    about = report.machine() | {"command": command}
    raw = {"about": about, "growth": growth(done), "days": [asdict(each) for each in done]}
    (out / HISTORY).write_text(json.dumps(raw, indent=1) + "\n")
    lines = {f"ours-{each}": _lines(of_engine(done, each)) for each in engines_of(done)}
    title = f"What a day of {done[-1].delivered:,} rows takes: {about['cores']} cores, engines warm"
    pictures.growth(lines, out / "history.png", title)
    path = out / "history.md"
    path.write_text(markdown(done, about))
    return path


def _lines(days: Sequence[Day]) -> dict[str, list[tuple[int, float]]]:
    """Seconds by rows of history: all tables, then those that take the longest."""
    lines = {"all tables": [(each.rows, each.whole_s) for each in days]}
    tables = dearest(days)[:DEAREST]
    return lines | {t: [(each.rows, each.seconds[t]) for each in days] for t in tables}


def dearest(days: Sequence[Day]) -> list[str]:
    """Tables, those first that take the longest on the longest history."""
    return sorted(days[-1].seconds, key=lambda table: -days[-1].seconds[table])


def markdown(done: Sequence[Day], about: dict[str, Any]) -> str:
    """What the day cost on each engine, as a whole and table by table."""
    where = (
        f"`{about['command']}`, {about['date']}, {about['cores']} cores of a shared machine, "
        f"{about['memory_gib']} GiB. The same file of {done[0].delivered:,} rows lands on each "
        "history; the engine has just done the day before it; tables run one after the other."
    )
    parts = [["# One more day, against the length of the history", "", where]]
    parts += [_of_engine(engine, of_engine(done, engine)) for engine in engines_of(done)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _of_engine(engine: str, days: Sequence[Day]) -> list[str]:
    first = days[0]
    whole = [
        [
            f"{each.rows:,}",
            f"{each.days:,}",
            f"{each.users:,}",
            f"{each.whole_s:.1f}",
            f"{each.whole_s / first.whole_s:.2f}",
            f"{each.whole_cpu_s:.1f}",
            f"{each.whole_cpu_s / first.whole_cpu_s:.2f}",
        ]
        for each in days
    ]
    head = ["rows of history", "days", "users", "wall s", "÷ shortest", "CPU s", "÷ shortest"]
    tables = [
        [f"`{table}`", *(f"{each.seconds[table]:.1f} ({each.cpu_s[table]:.1f})" for each in days)]
        for table in dearest(days)
    ]
    return [
        *(f"## ours-{engine}", "", *sections.grid(head, whole), ""),
        *("Wall seconds by table (CPU seconds), by rows of history:", ""),
        *sections.grid(["", *(f"{each.rows:,}" for each in days)], tables),
    ]


if __name__ == "__main__":
    # Told to end, it ends the peer that runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_FAILED))
    typer.run(main)
