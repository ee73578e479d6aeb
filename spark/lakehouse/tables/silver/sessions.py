"""Sessions of users. One row per session.

A gap strictly longer than 1800 s between two actions of a user starts a new session; a gap of
exactly 1800 s does not, and neither does midnight. Actions are ordered by event_at, ties by
interaction_id. session_id is derived from the first action and its time, so it stays the same when
later actions are added; session_number counts the user's sessions up to this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics import engagement as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    ReplaceSlices,
    Table,
    in_range,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver import session_fragments
from lakehouse.transforms.numbers import as_json, total
from lakehouse.transforms.sessions import milliseconds_between, numbered

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

TABLE = Table(
    name="silver.sessions",
    owner="interactions",
    domain="interactions",
    inputs=(session_fragments.TABLE,),
    columns=(
        Column(
            "session_id", STRING, "MD5 of the user, the first action and its time.", nullable=False
        ),
        Column("user_id", STRING, "User.", nullable=False),
        Column(
            "session_number",
            LONG,
            "Number of the session among those of the user, from 1.",
            nullable=False,
        ),
        Column("started_at", TIMESTAMP, "First action, UTC.", nullable=False),
        Column("ended_at", TIMESTAMP, "Last action, UTC.", nullable=False),
        Column("n_actions", LONG, "Actions.", nullable=False),
        Column("duration_ms", LONG, metric.SESSION_DURATION_MS),
        Column("is_bounce", BOOLEAN, metric.IS_BOUNCE, nullable=False),
        Column("device_type", STRING, "Device at the first action.", nullable=False),
        Column("country", STRING, "Country at the first action.", nullable=False),
        Column("session_date", DATE, "UTC day it started.", nullable=False),
        Column("entry_page", STRING, "Page of the first action."),
        Column("exit_page", STRING, "Page of the last action."),
    ),
    # session_number counts from a user's first session: a late one moves all that follow.
    write=ReplaceSlices(by=("user_id",), keys=("user_id", "session_number")),
    requires=(not_empty("silver.session_fragments"),),
    ensures=(
        not_empty(),
        not_null("session_id", "user_id", "session_number", "started_at", "ended_at"),
        unique("session_id"),
        unique("user_id", "session_number"),
        in_range("n_actions", minimum=1),
        in_range("duration_ms", minimum=0),
        satisfies(
            "starts_before_it_ends",
            "started_at <= ended_at AND session_date = to_date(started_at)",
            "started_at is not after ended_at; session_date is the day of started_at.",
        ),
        satisfies(
            "bounces_have_one_action",
            "is_bounce = (n_actions = 1)",
            "is_bounce: the session has exactly one action.",
        ),
    ),
    cluster_by=("session_date",),
    day="session_date",
)


def transform(session_fragments: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Join fragments that no long gap parts."""
    in_time = Window.partitionBy("user_id").orderBy("event_date", "fragment_number")
    place = F.struct("event_date", "fragment_number")
    first = F.min_by(
        F.struct("first_interaction_id", "device_type", "country", "entry_page"), place
    )
    last = F.max_by(F.struct("last_duration_ms", "exit_page"), place)
    moment = F.unix_micros("started_at").alias("started_us")
    identity = F.md5(as_json("user_id", F.col("first.first_interaction_id"), moment))
    return (
        numbered(
            session_fragments,
            "session_number",
            in_time,
            ("first_at", "last_at"),
            gap_s=metric.SESSION_GAP_S,
        )
        .groupBy("user_id", "session_number")
        .agg(
            F.min("first_at").alias("started_at"),
            F.max("last_at").alias("ended_at"),
            total("n_actions").alias("n_actions"),
            first.alias("first"),
            last.alias("last"),
        )
        .select(
            identity.alias("session_id"),
            "user_id",
            "session_number",
            "started_at",
            "ended_at",
            "n_actions",
            _duration_ms().alias("duration_ms"),
            (F.col("n_actions") == 1).alias("is_bounce"),
            F.col("first.device_type").alias("device_type"),
            F.col("first.country").alias("country"),
            F.to_date("started_at").alias("session_date"),
            F.col("first.entry_page").alias("entry_page"),
            F.col("last.exit_page").alias("exit_page"),
        )
    )


def _duration_ms() -> Expression:
    between = milliseconds_between("started_at", "ended_at")
    last = F.col("last.last_duration_ms")
    is_known = (F.col("n_actions") > 1) | last.isNotNull()
    return F.when(is_known, between + F.coalesce(last, F.lit(0)))
