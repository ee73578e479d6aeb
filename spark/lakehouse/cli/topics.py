"""The commands of topics: `lakehouse kafka`."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson
from lakehouse.io import kafka
from lakehouse.settings import current_settings

kafka_app = typer.Typer(help="Start, stop and look at the Kafka whose topics this lake reads.")


@kafka_app.command("up")
def up() -> None:
    """Start the lake's own Kafka, unless LAKEHOUSE_KAFKA_BOOTSTRAP is set or it is running."""
    from lakehouse.streaming import jars  # noqa: PLC0415  # only where a broker is wanted
    from lakehouse.streaming.broker import Broker  # noqa: PLC0415  # 0.1 s of confluent-kafka

    settings = current_settings()
    if settings.kafka_bootstrap:
        console.out.print("LAKEHOUSE_KAFKA_BOOTSTRAP is set; nothing to start")
        return
    broker = Broker.of(settings)
    if not jars.are_here():
        console.err.print("downloading Kafka's jars (37 MB, about 30 s, once)")
    started = broker.up()
    console.out.print(
        f"Kafka {'started' if started else 'is running'} at {broker.bootstrap}, in {broker.home}",
        markup=False,
    )


@kafka_app.command("down")
def down() -> None:
    """Stop the lake's own Kafka; its data stays."""
    from lakehouse.streaming.broker import Broker  # noqa: PLC0415  # 0.1 s of confluent-kafka

    stopped = Broker.of(current_settings()).down()
    console.out.print("Kafka stopped" if stopped else "Kafka is not running")


@kafka_app.command("url")
def print_url() -> None:
    """Print where clients reach Kafka, as host:port."""
    console.out.file.write(kafka.bootstrap(current_settings()) + "\n")


@kafka_app.command("topics")
def list_topics(*, as_json: AsJson = False) -> None:
    """List the topics: partitions, oldest offset there (low), next offset (high)."""
    from lakehouse.streaming.topics import topics  # noqa: PLC0415  # 0.1 s of confluent-kafka

    rows = [vars(held) for held in topics(current_settings())]
    console.print_json(rows) if as_json else console.print_rows(rows, "no topics")


@kafka_app.command("create")
def create_topic(
    name: Annotated[str, typer.Argument(help="The topic.")],
    *,
    partitions: Annotated[int, typer.Option(min=1, help="Number of partitions.")] = 1,
) -> None:
    """Create a topic; if it is there with as many partitions, nothing happens."""
    from lakehouse.streaming.topics import create  # noqa: PLC0415  # 0.1 s of confluent-kafka

    made = create(current_settings(), name, partitions)
    console.out.print(f"{name} {'created' if made else 'is there'}", markup=False)
