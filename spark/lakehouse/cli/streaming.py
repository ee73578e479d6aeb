"""`lakehouse stream`: a topic consumed as it happens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.catalog import dead_letters
from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.cli import rows as rows_of
from lakehouse.cli.arguments import AsJson, EngineName
from lakehouse.cli.running import found_in, tell_letters, told
from lakehouse.cli.stopping import UntilEof, stop_event
from lakehouse.engine import plan as planning
from lakehouse.errors import ConfigError, exit_code_of
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from lakehouse.settings import Settings
    from lakehouse.streaming.batches import Batch

MOST, MOST_BYTES = 200_000, 256 << 20


def stream(
    *,
    through: Annotated[
        list[str] | None,
        typer.Option(help="Also make this table, and what it needs, after each batch."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Consume what is there, then end.")] = False,
    interval: Annotated[
        float, typer.Option(min=0, help="Seconds from one batch to the next, at least.")
    ] = 5.0,
    most: Annotated[int, typer.Option(min=1, help="Records of a batch, at most.")] = MOST,
    most_bytes: Annotated[
        int, typer.Option(min=0, help="Bytes of a batch's records, at most; 0 = any number.")
    ] = MOST_BYTES,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Go on where records were deleted unconsumed."),
    ] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="Serve Prometheus' /metrics there, on loopback. Default: LAKEHOUSE_METRICS_PORT.",
        ),
    ] = None,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
    until_eof: UntilEof = False,
) -> None:
    """Consume a topic batch by batch, each with its gates, and make the tables that follow."""
    from lakehouse.engine.lake import Lake  # noqa: PLC0415  # 0.5 s of pyspark
    from lakehouse.streaming import batches  # noqa: PLC0415  # same
    from lakehouse.streaming.watch import watching  # noqa: PLC0415  # prometheus_client

    chosen: dict[str, Any] = {
        "topic_most_records": most,
        "topic_most_bytes": most_bytes,
        "topic_accept_loss": accept_loss,
    }
    if metrics_port is not None:
        chosen["metrics_port"] = metrics_port
    settings = current_settings().model_copy(update=chosen)
    first = _fed_by_a_topic()
    names = planning.select(registry(), [f"+{name}" for name in through or [first]])
    if first not in names:
        raise ConfigError(f"{', '.join(through or [])}: does not follow from {first}")
    _assert_agreed(settings, first)
    with Lake(settings, registry()) as lake:
        consumption = batches.Consumption(lake, first, tuple(names), interval)
        topic = consumption.topic.name
        code, is_idle = 0, True
        table = registry()[first].table
        stop = stop_event(
            until_eof=until_eof, tell=lambda: console.err.print("stopping after this batch")
        )
        with batches.alone(lake, topic), watching(settings, topic, table, _say) as watch:
            consumption = replace(consumption, looked=watch.looked)
            for batch in consumption.batches(stop, once=once):
                is_idle, failed = False, _tell(topic, batch, as_json=as_json)
                watch.saw(batch)
                if once or batch.is_last:  # what went wrong before it was told, and tried again
                    code = max(code, failed)
                letters = tell_letters(lake, first, as_json=as_json)
                code = max(code, letters if once or stop.is_set() else 0)
        if is_idle and not as_json:
            console.out.print(f"{topic}: no record ever came", highlight=False)
    raise typer.Exit(code)


def _fed_by_a_topic() -> str:
    """The table that consumes a topic."""
    return dead_letters.tables(registry())[0].name


def _assert_agreed(settings: Settings, first: str) -> None:
    """The contract of a topic is compatible with what a shared registry has, if there is one.

    Raises:
        ConfigError: It is not.
        RegistryError: The registry does not answer: nobody knows, so nothing is consumed.
    """
    url = settings.registry_url.get_secret_value()
    if not url:
        return
    from lakehouse.landing.contracts import declared  # noqa: PLC0415  # jsonschema, only here
    from lakehouse.streaming import registration  # noqa: PLC0415  # same
    from lakehouse.streaming.registry_client import AtUrl  # noqa: PLC0415  # same

    target = AtUrl.of(url)
    registration.assert_compatible(target, target.url, declared([registry()[first].table]))


def _say(text: str) -> None:
    """What goes wrong beside the stream."""
    console.err.print(text, markup=False, highlight=False, soft_wrap=True)


def _tell(topic: str, batch: Batch, *, as_json: bool) -> int:
    """Say what became of a batch, and publish it; the exit code it asks for."""
    if batch.error is not None and not batch.outcomes:
        console.print_error(batch.error)
        return exit_code_of(batch.error)
    code = told(batch.outcomes, as_json=as_json)
    if as_json:
        console.print_json(_row(topic, batch))
    elif batch.error is None:
        console.out.print(_sentence(topic, batch), highlight=False, soft_wrap=True)
    return code


def _row(topic: str, batch: Batch) -> dict[str, Any]:
    tables = [rows_of.outcome_row(each, found_in(each)) for each in batch.outcomes]
    about = {"topic": topic, "consumed": batch.n, "waiting": batch.waiting}
    return about | {"seconds": round(batch.seconds, 3), "tables": tables}


def _sentence(topic: str, batch: Batch) -> str:
    account = batch.outcomes[0].account
    fates = {
        "new": account.rows_loaded,
        "repeated": account.rows_deduplicated,
        "rejected": account.rows_quarantined,
        "left out": account.rows_left_out,
    }
    counted = ", ".join(f"{n:,} {fate}" for fate, n in fates.items() if n)
    rate = f" ({batch.n / batch.seconds:,.0f}/s)" if batch.n else ""
    waits = f"; {batch.waiting:,} wait" if batch.waiting else ""
    took = f"{batch.n:,} offsets in {batch.seconds:.1f} s{rate}"
    return f"{topic}: {took}: {counted or 'nothing'}{waits}"
