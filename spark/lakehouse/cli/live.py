"""`lakehouse produce` and `lakehouse live`: synthetic visits that come now, and what they show."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from lakehouse.cli import console
from lakehouse.cli.stopping import UntilEof, stop_event
from lakehouse.errors import EXIT_RETRY, ConfigError
from lakehouse.io import kafka
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.reporting.live import Frame
    from lakehouse.settings import Settings

TOPIC, PARTITIONS = "topic_web_events", 3
REFRESH_S = 2.0
PATIENCE_S = 30
BARS = "▁▂▃▄▅▆▇█"
Rate = Annotated[float, typer.Option(min=0.1, help="Events a second, in the mean.")]


def produce(
    *,
    rate: Rate = 200.0,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="How long. Default: until told to stop.")
    ] = None,
    ago: Annotated[
        float,
        typer.Option(min=0, help="Begin so many seconds ago: what happened since is sent at once."),
    ] = 0.0,
    seed: Annotated[int | None, typer.Option(help="Of the visits. Default: a new one.")] = None,
    broken: Annotated[
        float, typer.Option(min=0, max=1, help="Share of events followed by a broken one.")
    ] = 0.0,
    repeated: Annotated[
        float, typer.Option(min=0, max=1, help="Share of events that are sent twice.")
    ] = 0.0,
    until_eof: UntilEof = False,
) -> None:
    """Send synthetic web events to the topic as if visitors came now."""
    from lakehouse.streaming import producer  # noqa: PLC0415  # numpy, confluent-kafka

    chosen = random.SystemRandom().randrange(10**6) if seed is None else seed
    plan = producer.Plan(
        rate=rate, seconds=seconds, ago=ago, seed=chosen, broken=broken, repeated=repeated
    )
    console.err.print(f"sending about {rate:g} events a second to {TOPIC}, --seed {chosen}")
    stop = stop_event(until_eof=until_eof)
    sent = producer.produce(current_settings(), TOPIC, plan, stop)
    console.print_json(asdict(sent))


def live(
    *,
    rate: Rate = 200.0,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="How long. Default: until told to stop.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Start nothing: show what is there, then end.")
    ] = False,
) -> None:
    """Let synthetic visitors come, stream what they do into the live marts, and watch it."""
    settings = current_settings()
    if once:
        console.out.print(picture(_look(settings, datetime.fromtimestamp(0, UTC))))
        return
    stop = stop_event()
    since, end = datetime.now(UTC), time.monotonic() + (seconds or float("inf"))
    with _broker(settings), _children(settings, rate) as children, _screen() as show:
        while not stop.wait(REFRESH_S) and time.monotonic() < end:
            show(_look(settings, since))
            for name, child in children.items():
                if child.poll() is not None:
                    log = _log(settings, name)
                    console.err.print(f"lakehouse {name} ended ({child.returncode}); see {log}")
                    raise typer.Exit(child.returncode or EXIT_RETRY)


def _look(settings: Settings, since: datetime) -> Frame:
    from lakehouse.reporting.live import frame  # noqa: PLC0415  # deltalake
    from lakehouse.streaming import alert_book  # noqa: PLC0415  # same

    return frame(settings, since, alert_book.open_now(settings))


@contextmanager
def _broker(settings: Settings) -> Iterator[None]:
    """A broker: the one that is known, or the lake's own as long as this lasts."""
    from lakehouse.streaming import jars, topics  # noqa: PLC0415  # confluent-kafka
    from lakehouse.streaming.broker import Broker  # noqa: PLC0415  # same

    ours = None
    if kafka.find(settings) is None:
        if not jars.are_here():
            console.err.print("downloading Kafka's jars (37 MB, about 30 s, once)")
        ours = Broker.of(settings)
        ours.up()
    try:
        topics.create(settings, TOPIC, PARTITIONS)
        yield
    finally:
        if ours is not None:
            ours.down()


@contextmanager
def _children(settings: Settings, rate: float) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The producer and the stream, until this ends."""
    from lakehouse.reporting.live import TABLES  # noqa: PLC0415  # deltalake

    through = [word for name in TABLES for word in ("--through", name)]
    # Batches of seconds: what DuckDB is for. Whoever chose an engine has it.
    environment = {"LAKEHOUSE_ENGINE": "duckdb"} | os.environ
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for words in (["stream", *through], ["produce", "--rate", f"{rate:g}"]):
            with _log(settings, words[0]).open("wb") as log:
                command = [sys.executable, "-m", "lakehouse", *words, "--until-eof"]
                # In a session of their own: Ctrl-C is for this process, which ends them in order.
                children[words[0]] = subprocess.Popen(  # noqa: S603  # ourselves
                    command,
                    stdin=subprocess.PIPE,  # closed by whatever ends this process
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
        yield children
    finally:
        last_first = [*reversed(children.values())]
        for child in last_first:
            child.terminate()
        for child in last_first:
            try:
                child.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _log(settings: Settings, what: str) -> Path:
    if settings.is_remote:
        raise ConfigError("`lakehouse live` needs a lake on this machine")
    folder = Path(settings.root_uri) / ".live"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{what}.log"


@contextmanager
def _screen() -> Iterator[Any]:
    """Shows frames: in a terminal in place, elsewhere a line each."""
    if not console.out.is_terminal:
        yield lambda each: console.out.print(line(each), highlight=False, soft_wrap=True)
        return
    with Live(console=console.out, auto_refresh=False) as shown:
        yield lambda each: shown.update(picture(each), refresh=True)


def line(shown: Frame) -> str:
    """A frame in one line."""
    if not shown.batch:
        return "waiting for the first batch"
    freshness = shown.batch["freshness_p50_s"]
    told = [
        f"{shown.events_a_second:,.0f} events/s",
        f"{shown.batch['waiting']:,} wait",
        f"{freshness:,.1f} s old" if freshness is not None else "age unknown",
        f"{shown.n_rejected:,} rejected",
        f"{shown.open_sessions:,} visitors",
        f"{sum(shown.views[-2:]):,} page views",
        f"{len(shown.alerts)} alerts",
    ]
    return ", ".join(told)


def picture(shown: Frame) -> Group:
    """A frame as people see it in a terminal."""
    if not shown.batch:
        return Group(Text(f"{shown.at:%H:%M:%S} UTC  waiting for the first batch", style="dim"))
    batch = shown.batch
    p50, p99 = (_seconds(batch[name]) for name in ("freshness_p50_s", "freshness_p99_s"))
    windows = f"{sparkline(shown.views)}  {shown.views[-1] if shown.views else 0:,}"
    rate = f"{shown.conversion_rate or 0:.2%} of the devices in the five minutes before"
    rows = (
        ("events", f"{shown.events_a_second:,.0f} a second; {batch['waiting']:,} wait"),
        ("freshness", f"{p50} (median), {p99} (p99) from event to published mart"),
        ("batch", f"{batch['n']:,} records in {batch['seconds']:.1f} s"),
        ("rejected", f"{shown.n_rejected:,} records"),
        ("visitors", f"{shown.open_sessions:,} with an event in the last 30 minutes"),
        ("page views", f"{windows} in these five minutes"),
        ("conversion", "-" if shown.conversion_rate is None else rate),
        ("pages", ", ".join(f"{page} {n:,}" for page, n in shown.pages) or "-"),
    )
    lines = [Text(f"Live  {shown.at:%H:%M:%S} UTC", style="bold")]
    lines += [Text.assemble((f"{name:11}", "dim"), value) for name, value in rows]
    if batch["error"]:
        lines.append(Text(batch["error"], style="red"))
    lines += [
        Text(
            f"unusual    {each['metric_name']} {each['value']:,} until "
            f"{each['window_end']:%H:%M}, expected {each['expected']:,.0f}",
            style="yellow",
        )
        for each in shown.anomalies
    ]
    lines += [Text(f"alert      {each['title']}", style="red") for each in shown.alerts]
    return Group(*lines, Text("Ctrl-C ends it", style="dim"))


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.1f} s"


def sparkline(values: tuple[int, ...]) -> str:
    """Bars as high as the values, the highest as high as a line."""
    top = max(values, default=0) or 1
    return "".join(BARS[round(value / top * (len(BARS) - 1))] for value in values)
