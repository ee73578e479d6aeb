"""`python -m benchmarks.live`: workload W12, web events from Kafka to published live marts.

A broker, `lakehouse produce` and `lakehouse stream` run side by side on this machine, as users
start them. How fresh figures are is told of every event: when it happened, and when the live marts
with it could be read, which `ops.stream_batches` says. Then a backlog is caught up with.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import psutil
import typer

from benchmarks import report, sections
from benchmarks.compare import environment
from benchmarks.data import PROJECT
from benchmarks.history import size_of
from benchmarks.options import EXIT_FAILED, chosen, stop
from benchmarks.ours.settings import ENGINES
from lakehouse.cli.live import PARTITIONS, TOPIC
from lakehouse.io import delta_log, ops
from lakehouse.reporting.live import TABLES
from lakehouse.settings import Settings, load_settings
from lakehouse.streaming import topics
from lakehouse.streaming.broker import Broker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

OUT = PROJECT / "spark/docs/benchmarks"
STREAM = ("stream", *(word for name in TABLES for word in ("--through", name)))
BRONZE = "bronze.web_events"
WARM_UP_S = 90.0
"""The first batches, and visits of before the start, do not count."""
LOOK_S = 2.0
END_S = 120.0
TARGETS = {"duckdb": (5_000, 20.0), "spark": (2_000, 60.0)}
"""Events a second, and seconds within which 99 % of them are to be published."""
QUARTERS = (0.25, 0.5, 0.75, 1.0)


class StreamEndedError(Exception):
    """A process ended that was to go on; says where its words are."""


@dataclass(frozen=True)
class Flow:
    """What a rate took, after the warm-up.

    Attributes:
        engine: Which.
        asked: Events a second.
        rate: Events a second that came.
        p50_s: Seconds from an event to the live marts with it, for half of them.
        p99_s: The same for 99 %.
        longest_s: And for the last.
        batches: How many.
        batch_s: Mean seconds of one.
        waiting: Events that were there and unconsumed after the last batch while events came.
        memory_mib: Of the stream's processes, after each quarter of the time.
        cores: Processor seconds a second of the stream's processes.
        backlog: Events that waited then.
        caught_up_s: Seconds until all of them were published.
    """

    engine: str
    asked: float
    rate: float
    p50_s: float
    p99_s: float
    longest_s: float
    batches: int
    batch_s: float
    waiting: int
    memory_mib: tuple[int, ...]
    cores: float
    backlog: int
    caught_up_s: float


def main(  # noqa: PLR0913  # one parameter per option
    *,
    engine: Annotated[str, typer.Option(help="Which, separated by commas.")] = ",".join(ENGINES),
    rate: Annotated[
        float | None, typer.Option(min=1, help="Events a second. Default: each engine's target.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.5, help="How long, after the warm-up.")] = 10.0,
    backlog: Annotated[str, typer.Option(help="Events to catch up with, e.g. 100k.")] = "1m",
    memory: Annotated[str, typer.Option(help="Of each engine, e.g. 3g.")] = "3g",
    scratch: Annotated[Path, typer.Option(help="Folder for the lakes.")] = (
        PROJECT / ".cache/benchmarks"
    ),
    out: Annotated[Path, typer.Option(help="Where the table goes.")] = OUT,
) -> None:
    """Let events come for some minutes, then catch up with a backlog; write what it took."""
    try:
        waits = size_of(backlog)
    except (KeyError, ValueError):
        stop(f"--backlog: {backlog} is not a number like 300k or 1m")
    done = []
    for name in chosen("--engine", engine, ENGINES):
        asked = rate or TARGETS[name][0]
        try:
            home = scratch / "homes/live"
            done.append(measure(home, name, memory, rate=asked, minutes=minutes, backlog=waits))
        except StreamEndedError as error:  # the other engine may manage it
            typer.echo(f"{name}: left out: {error}", err=True)
            continue
        flow = done[-1]
        typer.echo(
            f"{name:6} {flow.rate:,.0f} events/s: p50 {flow.p50_s:.1f} s, p99 {flow.p99_s:.1f} s; "
            f"caught up with {flow.backlog:,} in {flow.caught_up_s:.0f} s"
        )
    if not done:
        raise typer.Exit(EXIT_FAILED)
    told = f" --rate {rate:g}" if rate else ""
    words = f"--engine {engine}{told} --minutes {minutes:g} --backlog {backlog} --memory {memory}"
    out.mkdir(parents=True, exist_ok=True)
    page = out / "live.md"
    command = f"make benchmark-live ARGS='{words}'"
    page.write_text(markdown(done, minutes, report.machine() | {"command": command}))
    typer.echo(f"wrote {page}")


def measure(  # noqa: PLR0913  # the options
    home: Path, engine: str, memory: str, *, rate: float, minutes: float, backlog: int
) -> Flow:
    """Let events come for some minutes, then catch up with a backlog, in a lake of its own.

    Raises:
        StreamEndedError: A process ended before its time.
    """
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    memory_of = "duckdb_memory" if engine == "duckdb" else "driver_memory"
    settings = load_settings(engine=engine, root=str(home), **{memory_of: memory})
    own = {
        "LAKEHOUSE_ROOT": str(home),
        "LAKEHOUSE_ENGINE": engine,
        f"LAKEHOUSE_{memory_of}": memory,
    }
    env = environment() | {name.upper(): value for name, value in own.items()}
    broker = Broker.of(settings)
    broker.up()
    try:
        topics.create(settings, TOPIC, PARTITIONS)
        seconds = WARM_UP_S + 60 * minutes
        looks, cores = _flowing(home, env, rate, seconds)
        flow = _told(settings, seconds)
        caught_up = _catching_up(home, env, rate, backlog)
    finally:
        broker.down()
    return Flow(
        engine=engine,
        asked=rate,
        **flow,
        memory_mib=tuple(looks[int(each * len(looks)) - 1] for each in QUARTERS),
        cores=cores,
        backlog=backlog,
        caught_up_s=caught_up,
    )


def _flowing(
    home: Path, env: Mapping[str, str], rate: float, seconds: float
) -> tuple[list[int], float]:
    """Produce and stream side by side; the stream's memory at each look, and its processors."""
    produce = ["produce", "--rate", f"{rate:g}", "--seconds", f"{seconds:g}", "--seed", "1"]
    memory: list[int] = []
    with (
        _running(home, env, STREAM) as stream,
        _running(home, env, produce) as producer,
    ):
        began = time.monotonic()
        while producer.poll() is None:
            if stream.poll() is not None:
                raise StreamEndedError(f"stream ended with {stream.returncode}: {home}/stream.log")
            time.sleep(LOOK_S)
            memory.append(_resident(stream))
        took = time.monotonic() - began
        if producer.returncode:
            raise StreamEndedError(f"produce ended with {producer.returncode}: {home}/produce.log")
        cores = _processor_s(stream) / took
        _end(stream)
    return memory, cores


def _catching_up(home: Path, env: Mapping[str, str], rate: float, backlog: int) -> float:
    """Seconds of a stream that begins where a backlog waits, until all of it is published."""
    ago = backlog / rate
    words = ["--rate", f"{rate:g}", "--ago", f"{ago:g}", "--seconds", f"{ago:g}", "--seed", "2"]
    with _running(home, env, ["produce", *words]) as producer:
        producer.wait()
    began = time.monotonic()
    with _running(home, env, [*STREAM, "--once"]) as stream:
        if stream.wait():
            raise StreamEndedError(f"stream ended with {stream.returncode}: {home}/stream.log")
    return time.monotonic() - began


@contextmanager
def _running(home: Path, env: Mapping[str, str], words: Sequence[str]) -> Iterator[psutil.Popen]:
    """A command of `lakehouse` until this ends; what it says goes to a log."""
    with (home / f"{words[0]}.log").open("ab") as log:
        command = [sys.executable, "-m", "lakehouse", *words]
        process = psutil.Popen(command, stdout=log, stderr=log, env=dict(env))
        try:
            yield process
        finally:
            _end(process)


def _end(process: psutil.Popen) -> None:
    """Let a process finish what it does, as a user would end it."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(END_S)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait()


def _family(process: psutil.Popen) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _resident(process: psutil.Popen) -> int:
    return int(_summed(process, lambda each: each.memory_info().rss)) // 2**20


def _processor_s(process: psutil.Popen) -> float:
    return _summed(process, lambda each: sum(each.cpu_times()[:2]))


def _summed(process: psutil.Popen, of: Callable[[psutil.Process], float]) -> float:
    """A figure of a process and its children, but those that end meanwhile, as Spark's do."""
    found = 0.0
    for each in _family(process):
        with suppress(psutil.NoSuchProcess):
            found += of(each)
    return found


def _told(settings: Settings, seconds: float) -> dict[str, Any]:
    """What the books of the lake and the events themselves tell of the time after the warm-up."""
    from lakehouse.catalog.registry import registry  # noqa: PLC0415  # PySpark
    from lakehouse.streaming.telemetry import MICROS, moments  # noqa: PLC0415  # same

    batches = ops.query_delta(
        settings.table_uri("ops.stream_batches"), "SELECT * FROM t WHERE n > 0 ORDER BY started_at"
    )
    began = batches[0]["started_at"].timestamp()
    first, last = began + WARM_UP_S, began + seconds
    counted = [each for each in batches if first <= each["started_at"].timestamp() < last]
    versions = _versions(settings)
    table, ages = registry()[BRONZE].table, []
    for batch in counted:
        version = versions[batch["run_id"]]
        happened = moments(settings, table, version - 1, version)
        ages.append(batch["ended_at"].timestamp() - happened / MICROS)
    every = np.concatenate(ages)
    p50, p99, longest = np.quantile(every, (0.5, 0.99, 1.0)).tolist()
    spanned = (counted[-1]["ended_at"] - counted[0]["started_at"]).total_seconds()
    return {
        "rate": len(every) / spanned,
        "p50_s": p50,
        "p99_s": p99,
        "longest_s": longest,
        "batches": len(counted),
        "batch_s": sum(each["seconds"] for each in counted) / len(counted),
        "waiting": counted[-1]["waiting"] or 0,
    }


def _versions(settings: Settings) -> dict[str, int]:
    """The version of the bronze table that each run wrote."""
    uri = settings.table_uri(BRONZE)
    newest = delta_log.latest_version(uri) or 0
    notes = delta_log.notes(uri, 0, newest)
    return {str(note.get("run_id")): version for version, note in enumerate(notes, start=1)}


def markdown(done: Sequence[Flow], minutes: float, about: Mapping[str, Any]) -> str:
    """What it took on each engine."""
    where = (
        f"`{about['command']}`, {about['date']}, {about['cores']} cores of a shared machine, "
        f"{about['memory_gib']} GiB. Broker, producer and stream share them. Seconds are from the "
        "event, by the corrected clock of its device and up to 3 s of waiting there included, to "
        f"the live marts that count it; of all events of {minutes:g} minutes after a warm-up of "
        f"{WARM_UP_S:g} s."
    )
    head = ["", *(f"ours-{flow.engine}" for flow in done)]
    goals = [TARGETS[flow.engine] for flow in done]
    rows = [
        ["events/s asked for", *(f"{flow.asked:,.0f}" for flow in done)],
        ["events/s published", *(f"{flow.rate:,.0f}" for flow in done)],
        ["event → live mart, p50", *(f"{flow.p50_s:.1f} s" for flow in done)],
        ["event → live mart, p99", *(f"{flow.p99_s:.1f} s" for flow in done)],
        ["the longest", *(f"{flow.longest_s:.1f} s" for flow in done)],
        [
            "target",
            *(
                f"p99 ≤ {most:g} s at {rate:,}/s: "
                + ("met" if flow.asked >= rate and flow.p99_s <= most else "not met")
                for flow, (rate, most) in zip(done, goals, strict=True)
            ),
        ],
        ["batches, mean", *(f"{flow.batches}, {flow.batch_s:.1f} s" for flow in done)],
        ["events waiting at the end", *(f"{flow.waiting:,}" for flow in done)],
        [
            "memory at 25, 50, 75, 100 %",
            *(f"{', '.join(f'{n:,}' for n in flow.memory_mib)} MiB" for flow in done),
        ],
        ["cores of the stream", *(f"{flow.cores:.2f}" for flow in done)],
        [
            "backlog caught up with",
            *(
                f"{flow.backlog:,} in {flow.caught_up_s:.0f} s "
                f"({flow.backlog / flow.caught_up_s:,.0f}/s)"
                for flow in done
            ),
        ],
    ]
    lines = ["# Live: web events from Kafka to published marts (W12)", "", where, ""]
    return "\n".join([*lines, *sections.grid(head, rows), ""])


if __name__ == "__main__":
    # Told to end, it ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_FAILED))
    typer.run(main)
