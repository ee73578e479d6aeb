"""Steps of funnels that visitors reached. One row per visitor, funnel, entry and step reached.

Funnels are declared in `web.toml`. An entry is a chain of events of one visitor: the first takes
step 1, each next one the next step, at the same moment or later, all within the funnel's window
from step 1 (its end included) and each within the step's own limit after the step before. Events of
one moment count as ordered whatever their ids. One event takes one step, of one entry.

The first event that may take step 1 opens an attempt. Every such event within a window of it may be
the start instead (a later step 1 restarts): the chain that reaches farthest is the entry, as in
ClickHouse's windowFunnel; of those that reach as far, the one that gets there first, then that of
the earliest start, then that which takes each step as early as it can; ties by event_id. The next
attempt opens with the first event for step 1 that no entry has: from the moment on at which the
entry was completed (that moment included, as equal moments count as ordered) or, where it was not,
after its window closed. What lies between opens none.

Modes: in `ordered` other events may stand between. In `strict_order` no event that may take a step
of the funnel lies at a moment between two of the chain. In `strict_increase` each step is later
than the one before. In `strict_once` the next attempt waits for the window to close in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics import web_paths as paths
from lakehouse.metrics.web_policies import Funnels, Visits
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    LeftOut,
    ReplaceSlices,
    Table,
    in_range,
    not_null,
    satisfies,
    unique,
)
from lakehouse.tables.silver.web import web_events, web_sessions
from lakehouse.transforms.funnels import steps_reached
from lakehouse.transforms.visits import numbered_visits

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

GRAIN = ("visitor_id", "funnel_id", "entry_number", "step")
OF_SESSION = ("channel", "device_type", "country", "is_bot", "is_internal")

TABLE = Table(
    name="silver.funnel_steps",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE, web_sessions.TABLE),
    columns=(
        Column("visitor_id", STRING, metric.VISITOR_ID, nullable=False, pii=True),
        Column("funnel_id", STRING, paths.FUNNEL, nullable=False),
        Column("entry_number", LONG, paths.ENTRY_NUMBER, nullable=False),
        Column("step", LONG, paths.STEP, nullable=False),
        Column("step_name", STRING, paths.STEP_NAME, nullable=False),
        Column("event_id", STRING, "Event that takes the step.", nullable=False),
        Column("reached_at", TIMESTAMP, "When, UTC.", nullable=False),
        Column("entry_at", TIMESTAMP, "Step 1 of the entry, UTC.", nullable=False),
        Column("entry_date", DATE, paths.DAY_OF_ENTRY, nullable=False),
        Column("channel", STRING, paths.CHANNEL_OF_ENTRY, nullable=False),
        Column("device_type", STRING, "Device of that session.", nullable=False),
        Column("country", STRING, "Country of that session.", nullable=False),
        Column(
            "is_bot", BOOLEAN, "An event of that session looks like a program's.", nullable=False
        ),
        Column("is_internal", BOOLEAN, metric.IS_INTERNAL, nullable=False),
    ),
    # A late event may change every entry after it.
    write=ReplaceSlices(by=("visitor_id",), keys=GRAIN),
    policies=(Funnels, Visits),
    left_out=LeftOut(where="is_late", reason=metric.LATE),
    may_be_empty="no funnel is declared, or nobody entered one",
    ensures=(
        not_null(*GRAIN),
        unique(*GRAIN),
        unique("funnel_id", "event_id"),
        in_range("step", minimum=1),
        satisfies(
            "steps_follow_the_entry",
            "reached_at >= entry_at AND entry_date = to_date(entry_at) "
            "AND (step > 1 OR reached_at = entry_at)",
            "reached_at: not before entry_at, and the same at step 1.",
        ),
    ),
    cluster_by=("entry_date",),
    day="entry_date",
)


def transform(web_events: DataFrame, web_sessions: DataFrame, run: Run) -> DataFrame:
    """Search every visitor's events for entries, and tell where these came from."""
    visits = numbered_visits(web_events, run.policies.of(Visits)).filter("is_counted")
    reached = steps_reached(visits, run.policies.of(Funnels).funnels)
    sessions = web_sessions.select("visitor_id", "session_number", *OF_SESSION)
    return reached.join(sessions, ["visitor_id", "session_number"]).select(
        *("visitor_id", "funnel_id", "entry_number", "step", "step_name", "event_id"),
        F.timestamp_micros("reached_us").alias("reached_at"),
        F.timestamp_micros("entry_us").alias("entry_at"),
        F.to_date(F.timestamp_micros("entry_us")).alias("entry_date"),
        *OF_SESSION,
    )
