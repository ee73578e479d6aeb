"""Touches of conversions → the credit that each gets, by model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.metrics.attribution import MODELS
from lakehouse.transforms.channels import DIRECT

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.metrics.web_policies import Attribution

A_DAY_US = 86_400_000_000
WEIGHTS_A_UNIT = 1_000_000
"""Weights are whole millionths and credits whole billionths: their sums are exact everywhere."""
CREDITS_A_UNIT = 1_000_000_000


def with_credits(touches: DataFrame, policy: Attribution) -> DataFrame:
    """Each touch once for each model, with `model` and `credit`; those of a conversion add up to 1.

    Args:
        touches: event_id (of the conversion), touch_number (from 1), n_touches, channel,
            touched_at, converted_at, and effect: the removal effect of the channel.
        policy: Rates and half-life.
    """
    weighted = touches.withColumn("_last_told", _last_told())
    models = [
        F.struct(F.lit(name).alias("model"), _millionths(weight).alias("weight"))
        for name, weight in _weights(policy).items()
    ]
    rows = weighted.withColumn("_of", F.explode(F.array(*models))).withColumns(
        {"model": F.col("_of.model"), "_told": F.col("_of.weight")}
    )
    conversion = Window.partitionBy("event_id", "model")
    # Where no touch weighs anything, all weigh the same.
    whole = F.sum("_told").over(conversion)
    shared = rows.withColumn("_weight", F.when(whole > 0, F.col("_told")).otherwise(F.lit(1)))
    share = F.floor(F.col("_weight") * CREDITS_A_UNIT / F.sum("_weight").over(conversion))
    split = shared.withColumn("_units", share.cast("bigint"))
    given = F.sum("_units").over(conversion)
    last = F.max(F.when(F.col("_weight") > 0, F.col("touch_number"))).over(conversion)
    rest = F.when(F.col("touch_number") == last, CREDITS_A_UNIT - given).otherwise(F.lit(0))
    return (
        split.withColumn("credit", (F.col("_units") + rest) / F.lit(float(CREDITS_A_UNIT)))
        .drop("_of", "_told", "_weight", "_units", "_last_told")
        .filter(F.col("credit") > 0)
    )


def _last_told() -> Column:
    """Number of the last touch that was not direct; null where all were."""
    conversion = Window.partitionBy("event_id")
    return F.max(F.when(F.col("channel") != DIRECT, F.col("touch_number"))).over(conversion)


def _weights(policy: Attribution) -> dict[str, Column]:
    """What a touch weighs in each model; only proportions count."""
    place, n = F.col("touch_number"), F.col("n_touches")
    one, none = F.lit(1.0), F.lit(0.0)
    is_first, is_last = place == 1, place == n
    first, last = F.lit(policy.first_rate), F.lit(policy.last_rate)
    middle = (1 - policy.first_rate - policy.last_rate) / F.greatest(n - 2, F.lit(1))
    age_days = (F.unix_micros("converted_at") - F.unix_micros("touched_at")) / A_DAY_US
    weights = {
        "first": F.when(is_first, one).otherwise(none),
        "last": F.when(is_last, one).otherwise(none),
        "last_non_direct": F.when(place == F.coalesce("_last_told", n), one).otherwise(none),
        "linear": one,
        "position": F.when(n == 1, one).when(is_first, first).when(is_last, last).otherwise(middle),
        "time_decay": F.pow(F.lit(2.0), -age_days / policy.half_life_days),
        "markov": F.coalesce("effect", none),
    }
    return {name: weights[name] for name in MODELS}


def _millionths(weight: Column) -> Column:
    return F.round(weight * WEIGHTS_A_UNIT).cast("bigint")
