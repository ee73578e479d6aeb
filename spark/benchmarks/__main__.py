"""`python -m benchmarks`: measure, compare, write the table."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import report
from benchmarks.compare import VENV, Work, compare
from benchmarks.data import PROJECT, SCALES, Landing
from benchmarks.measure import CommandFailedError
from benchmarks.merges import WrongHistoryError
from benchmarks.options import EXIT_FAILED, chosen, stop
from benchmarks.profiles import Profiles
from benchmarks.results import DUCKDB, NAMES, OURS
from benchmarks.workloads import TITLES

OUT = PROJECT / "spark/docs/benchmarks"
IN_VENV = {"polars"}


def main(  # noqa: PLR0913  # one parameter per option
    *,
    scale: Annotated[str, typer.Option(help=f"One of {', '.join(SCALES)}.")] = "1m",
    peers: Annotated[str, typer.Option(help="Who runs, separated by commas.")] = ",".join(NAMES),
    only: Annotated[
        str, typer.Option(help="Workloads, separated by commas; what they read runs as well.")
    ] = ",".join(TITLES),
    rounds: Annotated[int, typer.Option(min=1, help="How often.")] = 3,
    memory: Annotated[str, typer.Option(help="For each peer, e.g. 3g.")] = "3g",
    scratch: Annotated[
        Path, typer.Option(help="Folder for data and results of peers; needs tens of GB at 10m.")
    ] = PROJECT / ".cache/benchmarks",
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = OUT,
) -> None:
    """Run every peer on the same landing files, one after the other, and write what it cost."""
    if scale not in SCALES:
        stop(f"--scale: no {scale}; there are {', '.join(SCALES)}")
    named = tuple(chosen("--only", only, TITLES))
    taking_part = _peers(peers)
    landing = Landing.of(scale, scratch / "data")
    profiles = Profiles.of(scale, scratch / "data") if "W8" in named else None
    work = Work(landing, profiles, named, memory)
    typer.echo(f"{scale}: {landing.whole}, {landing.digest}")
    done = []
    try:
        for number in range(rounds):
            typer.echo(f"round {number + 1} of {rounds}")
            done += compare(work, taking_part, scratch / "homes", typer.echo)
    except (CommandFailedError, WrongHistoryError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(EXIT_FAILED) from error
    command = f"make benchmark SCALE={scale} PEERS={','.join(taking_part)} ROUNDS={rounds}"
    command += "" if len(named) == len(TITLES) else f" ONLY={','.join(named)}"
    typer.echo(f"wrote {report.write(done, scale, work, command, out)}")
    shutil.rmtree(scratch / "homes", ignore_errors=True)
    different = {each.peer: each.differing for each in done if each.differing}
    if different:
        typer.echo(f"not equal to DuckDB's: {different}", err=True)
    failed = set(taking_part) - {each.peer for each in done}
    if failed or different:
        raise typer.Exit(EXIT_FAILED)


def _peers(text: str) -> list[str]:
    peers = chosen("--peers", text, NAMES)
    if DUCKDB not in peers or not set(OURS) & set(peers):
        stop(f"--peers: without {DUCKDB} and {' or '.join(OURS)} there is nothing to compare")
    if set(peers) & IN_VENV and not VENV.exists():
        stop(f"{VENV.name} is missing: `make benchmark` makes it, or leave out polars")
    return peers


if __name__ == "__main__":
    # Told to end, it ends the peer that runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_FAILED))
    typer.run(main)
