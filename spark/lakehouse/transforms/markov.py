"""Paths of channels → how much each channel matters: removal effects in a Markov chain.

A visitor goes from the start through channels to a conversion or to nothing, and where to go next
depends on the channel alone. The removal effect of a channel is the share of the conversions that
would be lost if whoever comes to it went on to nothing (Anderl, Becker, von Wangenheim and
Schumann, "Mapping the customer journey", 2016).
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.transforms.channels import CHANNELS
from lakehouse.transforms.python_values import each_value

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

START, CONVERSION, NOTHING = "(start)", "(conversion)", "(nothing)"
PLACES = 6
"""Of an effect: the last bits of solved equations differ between machines."""


def effects_of_paths(paths: DataFrame, period: str) -> DataFrame:
    """The removal effect of each channel in each period: period, channel, effect (0 to 1).

    Args:
        paths: Steps of paths: the period, path (its id), step (its place), channel, and
            is_converted, which is the same for all steps of a path.
        period: Column of the period.
    """
    in_path = Window.partitionBy(period, "path").orderBy("step")
    end = F.when(F.col("is_converted"), F.lit(CONVERSION)).otherwise(F.lit(NOTHING))
    told = paths.withColumns(
        {
            "before": F.coalesce(F.lag("channel").over(in_path), F.lit(START)),
            "after": F.lead("channel").over(in_path),
        }
    )
    ends = told.filter(F.col("after").isNull())
    moves = told.select(period, F.col("before").alias("origin"), F.col("channel").alias("target"))
    moves = moves.unionByName(
        ends.select(period, F.col("channel").alias("origin"), end.alias("target"))
    )
    counted = moves.groupBy(period, "origin", "target").agg(F.count(F.lit(1)).alias("n"))
    listed = F.sort_array(F.collect_list(F.struct("origin", "target", "n")))
    as_text = F.to_json(listed, {"ignoreNullFields": "false"})
    fields = {f"c{place}": "double" for place in range(len(CHANNELS))}
    found = (
        counted.groupBy(period)
        .agg(as_text.alias("moves"))
        .withColumn("effects", each_value(_named, "moves", fields))
    )
    return found.select(period, F.explode(F.array(*_as_rows())).alias("of")).select(
        period, F.col("of.channel").alias("channel"), F.col("of.effect").alias("effect")
    )


def _as_rows() -> list[Column]:
    return [
        F.struct(F.lit(name).alias("channel"), F.col(f"effects.c{place}").alias("effect"))
        for place, name in enumerate(CHANNELS)
    ]


def _named(moves: str | None) -> dict[str, float]:
    found = removal_effects(moves or "[]")
    return {f"c{place}": found.get(name, 0.0) for place, name in enumerate(CHANNELS)}


@lru_cache(maxsize=1_000)
def removal_effects(moves: str) -> dict[str, float]:
    """The removal effect of each channel.

    Args:
        moves: JSON: how often (n) whoever was at an origin went to a target next.
    """
    told = json.loads(moves)
    names = sorted({each["origin"] for each in told} - {START})
    places = {name: place for place, name in enumerate([START, *names])}
    size = len(places)
    onward, converting = np.zeros((size, size)), np.zeros(size)
    for each in told:
        origin = places[each["origin"]]
        if each["target"] == CONVERSION:
            converting[origin] += each["n"]
        elif each["target"] != NOTHING:
            onward[origin, places[each["target"]]] += each["n"]
    lost = np.zeros(size)
    for each in told:
        if each["target"] == NOTHING:
            lost[places[each["origin"]]] += each["n"]
    whole = onward.sum(axis=1) + converting + lost
    whole[whole == 0] = 1
    onward, converting = onward / whole[:, None], converting / whole
    everything = _converted(onward, converting)
    if everything <= 0:
        return dict.fromkeys(names, 0.0)
    effects = {}
    for name in names:
        kept = onward.copy()
        kept[:, places[name]] = 0
        left = _converted(kept, converting)
        effects[name] = round(float(min(max(1 - left / everything, 0), 1)), PLACES)
    return effects


def _converted(onward: np.ndarray, converting: np.ndarray) -> float:
    """The probability to convert, from the start: x = onward · x + converting."""
    found = np.linalg.solve(np.eye(len(converting)) - onward, converting)
    return float(found[0])
