"""Versions of every feature over time. One row per feature and validity interval.

The interval [effective_from, effective_to) starts on the day of the release that changed the name,
the version or the enabled state, and ends on the day of the next such release, or of the release
that deletes the feature. If a feature has several releases on one day, the highest version counts,
in the order of semantic versioning (1.9 < 1.10-beta.2 < 1.10-beta.10 < 1.10), ties by record hash.
A release that repeats the current state opens no interval. A deleted feature has no current row
until a later release opens a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.spec import (
    BOOLEAN,
    STRING,
    Column,
    Dedupe,
    Scd2,
    Serve,
    Table,
    covers_history,
    fresh_within,
    no_overlap,
    not_empty,
    not_null,
    unique,
)
from lakehouse.spec.table import SCD2_COLUMNS
from lakehouse.tables.bronze import feature_releases

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.spec import Run

# Semantic versioning 2.0.0, section 11, of any number of parts and with or without a `v` before it.
# Numbers become texts that stand in their order whatever their length: engines place a null within
# an array differently, and no number is too long for a text.
AS_NUMBER = (
    "concat('0', lpad(CAST(length(regexp_replace(part, '^0+', '')) AS string), 4, '0'),"
    " regexp_replace(part, '^0+', ''))"
)
IS_NUMBER = "translate(part, '0123456789', '') = ''"
RELEASE = "regexp_extract(version, '^[vV]?([^-+]*)', 1)"
PRE_RELEASE = "regexp_extract(version, '^[^-+]*-([^+]*)', 1)"
RELEASE_ORDER = f"part -> CASE WHEN {IS_NUMBER} THEN {AS_NUMBER} ELSE '' END"
PRE_RELEASE_ORDER = f"part -> CASE WHEN {IS_NUMBER} THEN {AS_NUMBER} ELSE concat('1', part) END"
VERSION_ORDER = (
    f"transform(split({RELEASE}, '[.]'), {RELEASE_ORDER}) desc",
    f"{PRE_RELEASE} = '' desc",
    f"transform(split({PRE_RELEASE}, '[.]'), {PRE_RELEASE_ORDER}) desc",
)
TRACKED_AS_JSON = (
    "to_json(struct(feature_name, version, is_enabled), map('ignoreNullFields', 'false'))"
)

TABLE = Table(
    name="silver.feature_states",
    owner="growth",
    domain="growth",
    inputs=(feature_releases.TABLE,),
    columns=(
        Column("feature_id", STRING, "Natural key of the feature.", nullable=False),
        Column("feature_name", STRING, "Display name in this interval."),
        Column("version", STRING, "Dotted version number in this interval."),
        Column("is_enabled", BOOLEAN, "Whether users could use it.", nullable=False),
        *SCD2_COLUMNS,
    ),
    write=Scd2(
        keys=("feature_id",),
        tracked=("feature_name", "version", "is_enabled"),
        sequence_by="release_date",
    ),
    dedupe=Dedupe(
        keys=("feature_id", "release_date"),
        order_by=(
            *VERSION_ORDER,
            f"md5({TRACKED_AS_JSON}) desc",
            "is_deleted desc",
            "_row_id asc",
        ),
    ),
    requires=(
        not_empty("bronze.feature_releases"),
        fresh_within("bronze.feature_releases", "release_date", days=365),
    ),
    ensures=(
        not_empty(),
        not_null("feature_id", "effective_from", "effective_to"),
        unique("feature_id", where="is_current"),
        unique("feature_id", "effective_from"),
        no_overlap(),
        covers_history("feature_id"),
    ),
    cluster_by=("feature_id",),
    serve=Serve(
        indexes=(
            ("feature_id", "effective_from"),
            ("is_current", "feature_name"),
        )
    ),
    current_within=None,  # nobody releases every day
)


def transform(feature_releases: DataFrame, run: Run) -> DataFrame:  # noqa: ARG001  # no clock needed
    """Releases as changes; the SCD2 write derives the intervals."""
    return feature_releases.select(
        "feature_id", "feature_name", "version", "is_enabled", "is_deleted", "release_date"
    )
