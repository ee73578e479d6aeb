"""Where visitors come from: campaign, click id or referrer → source and medium → channel.

The channels and the order of their rules are those of Google Analytics 4's default channel group;
what it matches by lists of its own is matched by kinds of known hosts here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

DIRECT, UNASSIGNED = "Direct", "Unassigned"
CHANNELS = (
    *(DIRECT, "Paid Search", "Paid Social", "Paid Video", "Display", "Paid Other"),
    *("Organic Shopping", "Organic Social", "Organic Video", "Organic Search", "Email"),
    *("Affiliates", "Referral", "Audio", "SMS", "Push", UNASSIGNED),
)
NO_SOURCE, NO_MEDIUM = "(direct)", "(none)"
_PAID = "^(.*cp.*|ppc|retargeting|paid.*)$"
_SHOP = "^(.*(([^a-df-z]|^)shop|shopping).*)$"


def source_of() -> Column:
    """The source: of a campaign, of a click id, or the referring site; else (direct).

    Of a row with utm_source, gclid, msclkid, fbclid and `referrer` (a struct with site, name and
    kind; its fields null where nobody else referred).
    """
    return F.coalesce(
        F.col("utm_source"),
        F.when(F.col("gclid").isNotNull(), F.lit("google")),
        F.when(F.col("msclkid").isNotNull(), F.lit("bing")),
        F.when(F.col("fbclid").isNotNull(), F.lit("facebook")),
        F.lower("referrer.name"),
        F.lit(NO_SOURCE),
    )


def medium_of() -> Column:
    """The medium: of a campaign; cpc for a paid click; organic, social or the like for a referrer.

    A campaign without a medium has (none), as Google Analytics names it.
    """
    kind = F.col("referrer.kind")
    is_paid = F.col("gclid").isNotNull() | F.col("msclkid").isNotNull()
    by_kind = F.when(kind == "search", "organic").when(kind == "email", "email")
    return F.coalesce(
        F.col("utm_medium"),
        F.when(F.col("utm_source").isNotNull(), F.lit(NO_MEDIUM)),
        F.when(is_paid, F.lit("cpc")),
        F.when(F.col("fbclid").isNotNull(), F.lit("social")),
        F.when(F.col("referrer.name").isNotNull(), by_kind.otherwise("referral")),
        F.lit(NO_MEDIUM),
    )


def channel_of(source: str, medium: str, campaign: str, kind: str) -> Column:
    """The channel, by the first rule that holds.

    Args:
        source: Column of the source.
        medium: Column of the medium.
        campaign: Column of the campaign; may be null.
        kind: Column with the kind of the source's site; null where it is not known.
    """
    told, how = F.lower(source), F.lower(medium)
    named = F.coalesce(F.lower(campaign), F.lit(""))
    what = F.coalesce(F.col(kind), F.lit(""))
    is_paid = how.rlike(_PAID)
    is_shop = (what == "shopping") | named.rlike(_SHOP)
    is_social = (what == "social") | how.isin(
        "social", "social-network", "social-media", "sm", "social network", "social media"
    )
    is_video = (what == "video") | how.rlike("^.*video.*$")
    is_email = told.rlike("e[-_ ]?mail") | how.rlike("e[-_ ]?mail") | (what == "email")
    rules = (
        (DIRECT, (told == NO_SOURCE) & how.isin(NO_MEDIUM, "(not set)")),
        ("Paid Search", is_paid & (what == "search")),
        ("Paid Social", is_paid & (what == "social")),
        ("Paid Video", is_paid & (what == "video")),
        ("Display", how.isin("display", "banner", "expandable", "interstitial", "cpm")),
        ("Paid Other", is_paid),
        ("Organic Shopping", is_shop),
        ("Organic Social", is_social),
        ("Organic Video", is_video),
        ("Organic Search", (what == "search") | (how == "organic")),
        ("Email", is_email),
        ("Affiliates", how.isin("affiliate", "affiliates")),
        ("Referral", how.isin("referral", "app", "link")),
        ("Audio", how == "audio"),
        ("SMS", (told == "sms") | (how == "sms")),
        ("Push", how.rlike("push$") | how.rlike("mobile|notification") | (told == "firebase")),
    )
    found = F.lit(UNASSIGNED)
    for name, holds in reversed(rules):
        found = F.when(holds, F.lit(name)).otherwise(found)
    return found
