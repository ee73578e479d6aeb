"""Events of websites and apps as landed. One row per distinct event record.

`event_at` is when the event happened by the collector's clock: `received_at` less what passed on
the device between the event and its sending, so that a device's wrong clock does not matter. Where
one of the three is missing, it is the device's `timestamp`. Addresses are cut to /24 (IPv6: /48).
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.metrics import web_events as metric
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INT,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    RowRule,
    Source,
    Table,
    at_most_rejected,
    decimal,
    none_ahead,
    not_empty,
    not_null,
    satisfies,
    unique,
)
from lakehouse.transforms.networks import network_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

MONEY = decimal(18, 2)
IN, TRANSACTION, CONTEXT = "properties", "properties.transaction", "context"
LONGEST_PAGE_MS = 24 * 60 * 60 * 1000
DERIVED_US = (
    "coalesce(epoch_us(received_at) - (epoch_us(sent_at) - epoch_us(timestamp)), "
    "epoch_us(timestamp))"
)
VITALS_MS = ("load_ms", "ttfb_ms", "lcp_ms", "inp_ms", "fid_ms")

SOURCE = Source(
    name="web_events",
    doc="Collectors of websites and apps: one record per event.",
    contract=metric.CONTRACT,
    topic="topic_web_events",
    least=("anonymous_id",),
    fields=(
        Field("event_id", required=True),
        Field(
            "event_type",
            required=True,
            examples=tuple(kind.name for kind in metric.CONTRACT.kinds),
        ),
        Field("timestamp", TIMESTAMP, required=True),
        Field("sent_at", TIMESTAMP),
        Field("received_at", TIMESTAMP),
        Field("anonymous_id"),
        Field("user_id"),
        Field("session_id"),
        Field("page_view_id"),
        *(Field(name, at=IN) for name in (*metric.PAGE, *metric.CAMPAIGN, *metric.CLICK_IDS)),
        *(Field(name, DOUBLE, at=IN) for name in VITALS_MS),
        Field("cls", DOUBLE, at=IN),
        Field("element", at=IN),
        Field("target_url", at=IN),
        Field("is_outbound", BOOLEAN, at=IN),
        Field("depth_pct", DOUBLE, at=IN, examples=(0, 50, 100)),
        Field("form_id", at=IN),
        Field("form_step", at=IN, also=("step",), examples=("started", "submitted", "failed")),
        Field("video_id", at=IN),
        Field("position_s", DOUBLE, at=IN),
        Field("length_s", DOUBLE, at=IN),
        Field("action", at=IN),
        Field("event_name", at=IN, also=("name",)),
        Field("event_value", at=IN, also=("value",)),
        Field("method", at=IN),
        Field("product_id", at=IN),
        Field("category", at=IN),
        Field("price", MONEY, at=IN),
        Field("quantity", INT, at=IN),
        Field("currency", at=IN, examples=("EUR", "USD", "XXX")),
        Field("discount_code", at=IN),
        Field("order_id", at=TRANSACTION),
        Field("total_amount", MONEY, at=TRANSACTION, examples=(10, "49.90", 0.5)),
        Field("payment_method", at=TRANSACTION),
        Field("app_version", at=CONTEXT),
        Field("platform", at=CONTEXT, examples=("web", "ios", "android")),
        Field("screen_resolution", at=CONTEXT),
        Field("locale", at=CONTEXT),
        Field("ip", at=CONTEXT, examples=("203.0.113.9", "2001:db8:1::5", "198.51.100.7")),
        Field("user_agent", at=CONTEXT),
        Field("domain", at=CONTEXT),
        Field("analytics", BOOLEAN, at="consent"),
        Field("marketing", BOOLEAN, at="consent"),
    ),
    rules=(
        *metric.CONTRACT.rules(),
        RowRule(
            "missing:anonymous_id_or_user_id",
            "coalesce(anonymous_id, user_id) IS NOT NULL",
            "An event is somebody's: it tells anonymous_id, user_id, or both.",
        ),
        RowRule(
            "in_the_future",
            f"{DERIVED_US} <= epoch_us(received_at) + 86400000000",
            "An event happened at most 24 hours after it was received.",
        ),
        RowRule(
            "implausible_clock",
            f"{DERIVED_US} >= 946684800000000",
            "Device times lead to a moment after the year 2000.",
        ),
        RowRule("depth_out_of_range", "depth_pct BETWEEN 0 AND 100", "Scrolled by 0 to 100 %."),
        RowRule(
            "unknown:form_step",
            "form_step IN ('started', 'submitted', 'failed')",
            "A form is started, submitted or failed.",
        ),
        RowRule("negative_price", "price >= 0", "A price is never negative."),
        RowRule("quantity_below_1", "quantity >= 1", "One thing or more."),
        RowRule("amount_not_positive", "total_amount > 0", "Amounts are positive, of refunds too."),
        RowRule(
            "not_a_currency:currency",
            "regexp_full_match(currency, '[A-Za-z]{3}')",
            "A currency has three letters (ISO 4217).",
        ),
        *(
            RowRule(
                f"implausible:{name}",
                f"{name} BETWEEN 0 AND {LONGEST_PAGE_MS}",
                f"{name} is 0 or more, and at most a day.",
            )
            for name in VITALS_MS
        ),
        RowRule("implausible:cls", "cls BETWEEN 0 AND 1000", "cls is 0 or more."),
    ),
    since=date(2000, 1, 1),
)

TEXTS = {
    **dict.fromkeys((*metric.PAGE, *metric.CAMPAIGN, *metric.CLICK_IDS)),
    "element": "What was clicked.",
    "target_url": "Where a click leads.",
    "form_id": "Form.",
    "form_step": "started, submitted or failed.",
    "video_id": "Video.",
    "action": "What was done with the video.",
    "event_name": "Name of a custom event.",
    "event_value": "Value of a custom event.",
    "method": "How the account was made.",
    "product_id": "Product.",
    "category": "Category of the product.",
    "discount_code": "Discount code.",
    "order_id": "Order.",
    "payment_method": "How the order was paid.",
    "app_version": "Version of the site or app.",
    "platform": "web, ios or android.",
    "screen_resolution": "Size of the screen.",
    "locale": "Language and region of the device.",
    "user_agent": "What the browser says it is.",
    "domain": "Host of the site, as the collector knows it.",
}
WORDS = {
    "page_url": "Address of the page.",
    "page_title": "Title of the page.",
    "referrer": "Address of the page before.",
    "page_id": "Id of the page, as the site has it.",
    "gclid": "Click id of Google Ads.",
    "fbclid": "Click id of Facebook.",
    "msclkid": "Click id of Microsoft Advertising.",
}

TABLE = Table(
    name="bronze.web_events",
    owner="web",
    domain="web",
    inputs=(SOURCE,),
    columns=(
        Column("event_id", STRING, "Id of the event (UUID).", nullable=False),
        Column("event_type", STRING, "page_view, page_ping, click, ...", nullable=False),
        Column(
            "event_at", TIMESTAMP, "When it happened by the collector's clock, UTC.", nullable=False
        ),
        Column("event_date", DATE, "UTC day of event_at.", nullable=False),
        Column("timestamp", TIMESTAMP, "When it happened by the device's clock.", nullable=False),
        Column("sent_at", TIMESTAMP, "When it was sent, by the device's clock."),
        Column("received_at", TIMESTAMP, "When the collector got it."),
        Column(
            "actor_id",
            STRING,
            "Device, or user where none is told: what sent the event.",
            nullable=False,
            pii=True,
        ),
        Column("anonymous_id", STRING, "Device or browser.", pii=True),
        Column("user_id", STRING, "User who was logged in.", pii=True),
        Column("session_id", STRING, "Session, as the client counts it."),
        Column("page_view_id", STRING, "Page view, as the client counts it."),
        *(
            Column(name, STRING, doc or WORDS.get(name, f"Campaign: {name}."))
            for name, doc in TEXTS.items()
        ),
        *(Column(name, DOUBLE, f"Web vital {name}, in ms.") for name in VITALS_MS),
        Column("cls", DOUBLE, "Cumulative layout shift, without a unit."),
        Column("is_outbound", BOOLEAN, "Whether a click leads to another site."),
        Column("depth_pct", DOUBLE, "How far the page was scrolled, 0 to 100."),
        Column("position_s", DOUBLE, "Where the video was, in seconds."),
        Column("length_s", DOUBLE, "How long the video is, in seconds."),
        Column("price", MONEY, "Price of one, in currency."),
        Column("quantity", INT, "How many."),
        Column("currency", STRING, "Currency of price and total_amount, ISO 4217, in capitals."),
        Column("total_amount", MONEY, "Amount of the order or refund, in currency; positive."),
        Column("network", STRING, "Network of the address: /24, of IPv6 /48.", pii=True),
        Column("consent_analytics", BOOLEAN, "Consent to analytics; null when not told."),
        Column("consent_marketing", BOOLEAN, "Consent to marketing; null when not told."),
        Column(
            "ingestion_timestamp",
            TIMESTAMP,
            "When the row was first ingested, UTC.",
            compared=False,
        ),
    ),
    happened_on="event_date",
    write=Append(),
    ensures=(
        not_empty(),
        not_null("event_id", "event_type", "event_at", "actor_id"),
        unique("_row_id"),
        satisfies(
            "event_date_is_the_day_of_the_event",
            "event_date = to_date(event_at)",
            "event_date: UTC day of event_at.",
        ),
        none_ahead("event_date"),
        at_most_rejected(0.05, severity="warn"),
        at_most_rejected(0.5),
    ),
    cluster_by=("event_date",),
    day="event_date",
)


def transform(landed: DataFrame, run: Run) -> DataFrame:
    """Add the corrected moment and whose it is; cut the address."""
    on_device = F.unix_micros("sent_at") - F.unix_micros("timestamp")
    corrected = F.timestamp_micros(F.unix_micros("received_at") - on_device)
    return (
        landed.withColumn("event_at", F.coalesce(corrected, F.col("timestamp")))
        .withColumns(
            {
                "event_date": F.to_date("event_at"),
                "actor_id": F.coalesce("anonymous_id", "user_id"),
                "currency": F.upper("currency"),
                "network": network_of("ip"),
                "consent_analytics": F.col("analytics"),
                "consent_marketing": F.col("marketing"),
                "ingestion_timestamp": F.lit(run.started_at),
            }
        )
        .drop("ip", "analytics", "marketing")
    )
