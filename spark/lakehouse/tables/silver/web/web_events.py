"""Web events, each once, with whose they are and what is known of them. One row per event_id.

Of several records of an event the earliest received counts. `visitor_id` is the user; of an event
without one, the user to whom its device belongs at that time (see `silver.web_identities`); where
nobody is known, the device. Nothing is dropped: programs and our own people are labelled.

bot_reasons: of the event itself `listed_agent` (known crawlers), `no_agent` (of a website, not of
an app) and `data_centre`; of its device's day (UTC) `too_fast` (events in a minute), `no_signal`
(views without a ping or scroll) and `regular` (pauses as even as a clock's, pings apart: they are
one's). How much is too much stands in `web.toml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web as metric
from lakehouse.metrics.web_policies import Bots, Channels, Clock, Internal, Places, Sites
from lakehouse.settings import current_settings
from lakehouse.spec import (
    BOOLEAN,
    STRING,
    Column,
    Dedupe,
    ReplaceSlices,
    Table,
    ValidAt,
    fresh_within,
    not_empty,
    not_null,
    one_of,
    satisfies,
    unique,
)
from lakehouse.tables.bronze.web import web_events
from lakehouse.tables.silver.web import web_identities
from lakehouse.tables.silver.web.web_identities import EARLIEST_RECEIVED
from lakehouse.transforms import channels
from lakehouse.transforms.agents import agent_of
from lakehouse.transforms.bots import with_bot_reasons
from lakehouse.transforms.history import with_state_at
from lakehouse.transforms.moments import is_sent_late
from lakehouse.transforms.networks import is_in, place_of
from lakehouse.transforms.sites import known_site, page_of

if TYPE_CHECKING:
    from pyspark.sql import Column as Expression
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

AS_LANDED = (
    *("event_id", "event_type", "event_at", "event_date", "received_at"),
    *("actor_id", "anonymous_id", "user_id", "page_view_id", "page_title"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("element", "target_url", "is_outbound", "depth_pct", "form_id", "form_step"),
    *("video_id", "event_name", "event_value", "product_id", "category", "price", "quantity"),
    *("currency", "discount_code", "order_id", "total_amount", "payment_method"),
    *("load_ms", "ttfb_ms", "lcp_ms", "cls", "inp_ms", "fid_ms"),
    *("app_version", "platform", "locale", "network", "consent_analytics", "consent_marketing"),
)
_LANDED = {column.name: column for column in web_events.TABLE.columns}

TABLE = Table(
    name="silver.web_events",
    owner="web",
    domain="web",
    inputs=(web_events.TABLE, web_identities.TABLE),
    columns=(
        *(_LANDED[name] for name in AS_LANDED),
        Column("is_late", BOOLEAN, metric.IS_LATE, nullable=False),
        Column("visitor_id", STRING, metric.VISITOR_ID, nullable=False, pii=True),
        Column(
            "is_stitched",
            BOOLEAN,
            "The user is known by the device alone: another event told both.",
            nullable=False,
        ),
        Column("client_session_id", STRING, "Session, as the client counts it."),
        Column("page_id", STRING, "Page: the site's id of it, else the path of its address."),
        Column("page_host", STRING, "Host of the page's address."),
        Column("page_path", STRING, "Path of the page's address, without a slash at the end."),
        Column("referrer_site", STRING, "Registered domain that referred; null for our own."),
        Column("click_id", STRING, "Kind of click id: gclid, msclkid or fbclid."),
        Column("source", STRING, metric.SOURCE, nullable=False),
        Column("medium", STRING, metric.MEDIUM, nullable=False),
        Column("channel", STRING, metric.CHANNEL, nullable=False),
        Column("browser", STRING, "Browser, or unknown.", nullable=False),
        Column("browser_version", STRING, "Major version, or unknown.", nullable=False),
        Column("os", STRING, "Operating system, or unknown.", nullable=False),
        Column(
            "device_type",
            STRING,
            "desktop, mobile, tablet, other or unknown.",
            nullable=False,
        ),
        Column("country", STRING, "Country of the network, ISO 3166; or unknown.", nullable=False),
        Column("region", STRING, "Region of the network, or unknown.", nullable=False),
        Column("city", STRING, "City of the network, or unknown.", nullable=False),
        Column("is_internal", BOOLEAN, metric.IS_INTERNAL, nullable=False),
        Column("bot_reasons", STRING, "Why it looks like a program's, by commas; null if not."),
        Column("is_bot", BOOLEAN, metric.IS_BOT, nullable=False),
    ),
    # A day of a device: what a late event or another identity touches.
    write=ReplaceSlices(by=("actor_id", "event_date"), keys=("actor_id", "event_date", "event_id")),
    policies=(Bots, Channels, Clock, Internal, Places, Sites),
    settings=("places_database",),
    dedupe=Dedupe(keys=("event_id",), order_by=EARLIEST_RECEIVED),
    valid_at=(ValidAt(table=web_identities.TABLE, on=("anonymous_id",), at="event_at"),),
    requires=(
        not_empty("bronze.web_events"),
        fresh_within("bronze.web_events", "event_date", days=2),
    ),
    ensures=(
        not_empty(),
        not_null("event_id", "event_at", "visitor_id"),
        unique("event_id"),
        one_of("channel", channels.CHANNELS),
        satisfies(
            "event_date_is_the_day_of_the_event",
            "event_date = to_date(event_at)",
            "event_date: UTC day of event_at.",
        ),
        satisfies(
            "bots_have_a_reason",
            "is_bot = (bot_reasons IS NOT NULL)",
            "is_bot: there is a reason, and only then.",
        ),
    ),
    cluster_by=("event_date",),
    day="event_date",
)


def transform(web_events: DataFrame, web_identities: DataFrame, run: Run) -> DataFrame:
    """Whose each event is, where it came from, and what it was sent with."""
    told = with_state_at(
        web_events, web_identities, key="anonymous_id", at="event_at", state=("user_id",)
    )
    database = current_settings().places_database
    known = _with_origin(told, run).withColumns(
        {
            "agent": agent_of("user_agent"),
            "place": place_of("network", _places(run.policies.of(Places)), database),
            "is_data_centre": is_in("network", run.policies.of(Bots).data_centres),
        }
    )
    labelled = with_bot_reasons(known, run.policies.of(Bots))
    return labelled.select(
        *AS_LANDED,
        is_sent_late(run.policies.of(Clock).max_late_days).alias("is_late"),
        F.coalesce("user_id", "_state.user_id", "anonymous_id").alias("visitor_id"),
        (F.col("user_id").isNull() & F.col("_state.user_id").isNotNull()).alias("is_stitched"),
        F.col("session_id").alias("client_session_id"),
        F.coalesce("page_id", "page.path").alias("page_id"),
        F.col("page.host").alias("page_host"),
        F.col("page.path").alias("page_path"),
        F.col("referrer.site").alias("referrer_site"),
        "click_id",
        "source",
        "medium",
        channels.channel_of("source", "medium", "utm_campaign", "source_kind").alias("channel"),
        *(F.col(f"agent.{name}").alias(name) for name in ("browser", "browser_version", "os")),
        F.col("agent.device_type").alias("device_type"),
        *(
            F.coalesce(f"place.{name}", F.lit(metric.UNKNOWN)).alias(name)
            for name in ("country", "region", "city")
        ),
        _is_internal(run.policies.of(Internal)).alias("is_internal"),
        "bot_reasons",
        F.col("bot_reasons").isNotNull().alias("is_bot"),
    )


def _with_origin(events: DataFrame, run: Run) -> DataFrame:
    """Add `page`, `referrer` (a struct, its fields null for our own sites), source and medium."""
    own = list(run.policies.of(Sites).own_domains)
    hosts = tuple((each.host, each.name, each.kind) for each in run.policies.of(Channels).hosts)
    found = events.withColumns(
        {"page": page_of("page_url"), "before": page_of("referrer")}
    ).withColumn("before_host", F.col("before.host"))
    is_own = F.col("before.site").isin(own) | (F.col("before.site") == F.col("page.site"))
    foreign = F.when(F.coalesce(is_own, F.lit(False)), F.lit(None)).otherwise(F.col("before_host"))
    clicks = [F.when(F.col(name).isNotNull(), F.lit(name)) for name in metric.CLICK_IDS]
    return (
        found.withColumn("referring_host", foreign)
        .withColumn("referrer", known_site("referring_host", hosts))
        .withColumns(
            {
                "click_id": F.coalesce(*clicks),
                "source": channels.source_of(),
                "medium": channels.medium_of(),
            }
        )
        .withColumn("source_site", known_site("source", hosts))
        .withColumn("source_kind", F.col("source_site.kind"))
    )


def _is_internal(policy: Internal) -> Expression:
    at_ours = F.col("page.host").isin([*policy.hosts]) | F.col("domain").isin([*policy.hosts])
    return is_in("network", policy.networks) | F.coalesce(at_ours, F.lit(False))


def _places(policy: Places) -> tuple[tuple[str, str, str | None, str | None], ...]:
    return tuple((each.network, each.country, each.region, each.city) for each in policy.networks)
