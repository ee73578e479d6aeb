"""The two landing sources of the web domain."""

from lakehouse.synthetic.source import Source
from lakehouse.synthetic.web import lines, rates
from lakehouse.synthetic.web.dead_letters import SPOILING
from lakehouse.synthetic.web.events import EventStream


def sources(stream: EventStream) -> list[Source]:
    """The sources with their clean rows."""
    world = stream.world
    return [
        Source(
            name="web_events",
            extension="jsonl",
            rows=world.rows,
            chunks=lines.chunks(stream),
            key="event_id",
            date_field="timestamp",
            spoiling=SPOILING,
            received_field="received_at",
        ),
        rates.source(world.calendar, world.seed),
    ]
