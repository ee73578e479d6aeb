"""Events of visitors → the steps of funnels that they take."""

from __future__ import annotations

import json
from functools import reduce
from math import ceil
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from lakehouse.transforms.funnel_search import FunnelRules, StepEvent, entries
from lakehouse.transforms.numbers import as_json, two_to_the
from lakehouse.transforms.python_values import each_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import Column, DataFrame

    from lakehouse.metrics.web_policies import Funnels

STEP = {
    "entry_number": "bigint",
    "step": "bigint",
    "step_name": "string",
    "event_id": "string",
    "reached_us": "bigint",
    "entry_us": "bigint",
    "session_number": "bigint",
}
"""A step that is reached: the two moments in microseconds since 1970, the session of step 1."""


def steps_reached(visits: DataFrame, funnels: Sequence[Funnels.Funnel]) -> DataFrame:
    """One row per visitor, funnel, entry and step reached: visitor_id, funnel_id and `STEP`.

    Args:
        visits: Events with session_number, whole visitors.
        funnels: Where to.
    """
    event = F.struct(
        F.unix_micros("event_at").alias("us"), F.col("event_id").alias("id"), "steps", "session"
    )
    taken = (
        _by_funnel(visits, funnels)
        .groupBy("visitor_id", "funnel_id")
        .agg(F.collect_list(event).alias("events"))
        .withColumn("told", as_json("funnel_id", "events"))
    )
    rules = {funnel.id: _rules(funnel) for funnel in funnels}

    def found(told: str | None) -> list[dict[str, Any]]:
        return _entries_of(told, rules)

    return (
        taken.withColumn("found", each_value(found, "told", STEP, many=True))
        .select("visitor_id", "funnel_id", F.explode("found").alias("of"))
        .select("visitor_id", "funnel_id", *(F.col(f"of.{name}").alias(name) for name in STEP))
    )


def _by_funnel(visits: DataFrame, funnels: Sequence[Funnels.Funnel]) -> DataFrame:
    """Events that may take steps, once for each funnel; which steps stands in `steps`, as bits."""
    nothing = F.struct(F.lit("").alias("funnel_id"), F.lit(0).cast("bigint").alias("steps"))
    each = (
        F.struct(F.lit(funnel.id).alias("funnel_id"), _steps(funnel).alias("steps"))
        for funnel in funnels
    )
    kept = ("visitor_id", "event_id", "event_at")
    return (
        visits.select(
            *kept,
            F.col("session_number").alias("session"),
            F.explode(F.array(nothing, *each)).alias("of"),
        )
        .select(
            *(*kept, "session"),
            *(F.col(f"of.{name}").alias(name) for name in ("funnel_id", "steps")),
        )
        .filter(F.col("steps") > 0)
    )


def _steps(funnel: Funnels.Funnel) -> Column:
    none = F.lit(0).cast("bigint")
    bits = (
        F.when(_may_take(step), two_to_the(F.lit(number))).otherwise(none)
        for number, step in enumerate(funnel.steps)
    )
    return reduce(lambda a, b: a + b, bits, none)


def _may_take(step: Funnels.Step) -> Column:
    """Whether an event is what the step asks for."""
    asked = [F.col("event_type") == step.event_type]
    if step.page_pattern is not None:
        asked.append(F.col("page_path").rlike(step.page_pattern))
    asked += [F.col(name) == value for name, value in step.where.items()]
    return F.coalesce(reduce(lambda a, b: a & b, asked), F.lit(False))


def _rules(funnel: Funnels.Funnel) -> FunnelRules:
    within = (step.within_s for step in funnel.steps)
    return FunnelRules(
        names=tuple(step.name for step in funnel.steps),
        window_us=funnel.window_s * 1_000_000,
        within_us=tuple(None if s is None else s * 1_000_000 for s in within),
        mode=funnel.mode,
    )


def _entries_of(told: str | None, rules: Mapping[str, FunnelRules]) -> list[dict[str, Any]]:
    """The steps that a visitor took of a funnel, as rows; both stand in a JSON text."""
    of = json.loads(told or "{}")
    funnel = rules[of["funnel_id"]]
    events = [StepEvent(e["us"], e["id"], e["steps"], e["session"]) for e in of["events"]]
    return [
        {
            "entry_number": number,
            "step": step,
            "step_name": funnel.names[step - 1],
            "event_id": event.event_id,
            "reached_us": event.at_us,
            "entry_us": chain[0].at_us,
            "session_number": chain[0].session,
        }
        for number, chain in enumerate(entries(events, funnel), start=1)
        for step, event in enumerate(chain, start=1)
    ]


def with_declared_steps(rows: DataFrame, funnels: Sequence[Funnels.Funnel]) -> DataFrame:
    """Rows of funnels, once for each step these have: adds step, step_name and settles_days.

    The entries of a day change no more so many days after it: those that an attempt may take.

    Args:
        rows: Rows with funnel_id; those of no funnel are gone.
        funnels: What is declared.
    """
    declared = [
        (funnel.id, number, step.name, 1 + ceil(2 * funnel.window_s / 86_400))
        for funnel in funnels
        for number, step in enumerate(funnel.steps, start=1)
    ]
    structs = (
        F.struct(
            F.lit(funnel_id).alias("of"),
            F.lit(number).cast("bigint").alias("step"),
            F.lit(name).alias("step_name"),
            F.lit(days).cast("bigint").alias("settles_days"),
        )
        for funnel_id, number, name, days in (*declared, ("", 0, "", 0))
    )
    names = ("step", "step_name", "settles_days")
    return (
        rows.withColumn("_step", F.explode(F.array(*structs)))
        .filter(F.col("_step.of") == F.col("funnel_id"))
        .select(*rows.columns, *(F.col(f"_step.{name}").alias(name) for name in names))
    )
