"""Dead letters of web events: what became of records that cannot be parsed or break the contract.

One row per record that was rejected, or a part of one, and attempt at it. The newest attempt says
how it stands: `dead`, or `replayed` once it was accepted (`ingestion_timestamp` tells when). Rows
come by the topic of dead letters, to which `lakehouse stream` and `lakehouse run` send what stands
in the quarantine of bronze.web_events; a letter that was sent twice is one row.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.spec import (
    BINARY,
    DATE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    RowRule,
    Source,
    Table,
    none_ahead,
    not_empty,
    not_null,
    one_of,
    unique,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

MARK = "base64,"
"""Before bytes in a text; see `landing.messages`."""
TEXT = "^base64,[A-Za-z0-9+/]*=*$"

SOURCE = Source(
    name="web_dead_letters",
    doc="Topic of dead letters: a message per rejected record of topic_web_events and attempt.",
    topic="topic_web_events.dlq",
    whole_messages=True,
    fields=(
        Field("kafka_topic", required=True, also=("topic",)),
        Field("kafka_partition", INT, required=True, also=("partition",)),
        Field("kafka_offset", LONG, required=True, also=("offset",)),
        Field("part", required=True),
        Field("kafka_at_ms", LONG, also=("at_ms",)),
        Field("status", required=True, examples=("dead", "replayed")),
        Field("reason"),
        Field("reason_class"),
        Field("schema_version"),
        Field("attempts", INT, required=True, examples=(1, 2, 3)),
        Field("dead_at", TIMESTAMP),
        Field("key", examples=("base64,aw==", "base64,", "base64,/w==")),
        Field("headers"),
        Field("value", examples=("base64,ew==", "base64,", "base64,/w==")),
    ),
    rules=(
        RowRule(
            "unknown:status", "status IN ('dead', 'replayed')", "A letter is dead or replayed."
        ),
        RowRule("attempts_below_1", "attempts >= 1", "Once or more often."),
        *(
            RowRule(
                f"not_bytes:{name}",
                f"regexp_full_match({name}, '{TEXT}')",
                f"{name} is bytes in base64, behind {MARK}",
            )
            for name in ("key", "value")
        ),
    ),
    since=date(2000, 1, 1),
    without="no record of topic_web_events was ever rejected",
)

TABLE = Table(
    name="bronze.web_dead_letters",
    owner="web",
    domain="web",
    inputs=(SOURCE,),
    columns=(
        Column("kafka_topic", STRING, "Topic of the record.", nullable=False),
        Column("kafka_partition", INT, "Its partition.", nullable=False),
        Column("kafka_offset", LONG, "Its offset.", nullable=False),
        Column(
            "part",
            STRING,
            "Start of the MD5 of its value: a message may hold several records.",
            nullable=False,
        ),
        Column("kafka_at_ms", LONG, "Moment of its message, in ms since 1970; null without one."),
        Column("status", STRING, "dead or replayed.", nullable=False),
        Column("reason", STRING, "Rules it breaks, as in the quarantine; null when replayed."),
        Column("reason_class", STRING, "The first of them without the field."),
        Column(
            "schema_version",
            STRING,
            "Version of its schema by its header schema_version, or the registry's id of it.",
        ),
        Column("attempts", INT, "How often it was judged by then, from 1.", nullable=False),
        Column("dead_at", TIMESTAMP, "When the run started that rejected it; null when replayed."),
        Column("dead_date", DATE, "UTC day of dead_at."),
        Column("key", BINARY, "Key of its message, byte for byte.", pii=True),
        Column(
            "headers",
            STRING,
            "Its headers in order, as JSON: name and bytes in base64 of each.",
            pii=True,
        ),
        Column(
            "value", BINARY, "Its value, byte for byte; null when replayed: it is loaded.", pii=True
        ),
        Column(
            "ingestion_timestamp",
            TIMESTAMP,
            "When the row was first ingested, UTC.",
            compared=False,
        ),
    ),
    happened_on="dead_date",
    write=Append(),
    ensures=(
        not_empty(severity="warn"),
        not_null("kafka_topic", "kafka_partition", "kafka_offset", "part", "status", "attempts"),
        one_of("status", ("dead", "replayed")),
        unique("_row_id"),
        none_ahead("dead_date"),
    ),
    current_within=None,
)


def transform(landed: DataFrame, run: Run) -> DataFrame:
    """Turn texts back into bytes."""
    return landed.withColumns(
        {
            "dead_date": F.to_date("dead_at"),
            "key": F.unbase64(F.substring("key", len(MARK) + 1, 2_147_483_647)),
            "value": F.unbase64(F.substring("value", len(MARK) + 1, 2_147_483_647)),
            "ingestion_timestamp": F.lit(run.started_at),
        }
    )
