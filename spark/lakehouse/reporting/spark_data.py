"""Spark runs as data for programs: milliseconds, bytes, shares of 0-1."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lakehouse.reporting.spark_compare import FIGURES, pairs
from lakehouse.reporting.targets import verdicts

if TYPE_CHECKING:
    from lakehouse.observability.application import Part, SparkRun
    from lakehouse.observability.work import Stage


def run_data(run: SparkRun) -> dict[str, Any]:
    """A run: what it was, targets, sums, every table, verb and stage."""
    about = ("log", "app_id", "app_name", "spark_version", "cores", "started_ms", "ended_ms")
    return {
        **{name: getattr(run, name) for name in about},
        "is_finished": run.is_finished,
        "labelled_share": run.labelled_share,
        "busy_share": run.busy_share,
        "targets": [asdict(verdict) for verdict in verdicts(run.whole)],
        "whole": _part(run.whole),
        "tables": [_part(part) for part in run.tables],
        "verbs": [_part(part) for part in run.verbs],
        "stages": [_stage(stage) for stage in run.slowest(len(run.stages))],
    }


def comparison_data(first: SparkRun, second: SparkRun) -> dict[str, Any]:
    """Two runs, and second ÷ first of each figure by table."""
    return {
        "runs": [run_data(first), run_data(second)],
        "ratios": [
            {"name": pair.name, **{figure: pair.ratio(figure) for figure in FIGURES}}
            for pair in pairs(first, second)
        ],
    }


def _part(part: Part) -> dict[str, Any]:
    load = part.load
    return {
        "name": part.name,
        "jobs": part.jobs,
        "failed_jobs": part.failed_jobs,
        "wall_ms": part.wall_ms,
        "skew": part.skew,
        "record_skew": part.record_skew,
        "gc_share": load.gc_share,
        "shuffle_ratio": load.shuffle_ratio,
        "spilled_bytes": load.spilled_bytes,
        **asdict(load),
    }


def _stage(stage: Stage) -> dict[str, Any]:
    load = asdict(stage.load)
    del load["input_bytes"]  # known of whole queries alone
    return {
        "stage": stage.id,
        "attempt": stage.attempt,
        **asdict(stage.label),
        "operators": stage.operators,
        "started_ms": stage.started_ms,
        "ended_ms": stage.ended_ms,
        "longest_ms": stage.durations.largest,
        "median_ms": stage.durations.median,
        "skew": stage.durations.skew,
        "record_skew": stage.records.skew,
        "is_telling": stage.is_telling,
        "gc_share": stage.load.gc_share,
        **load,
        "error": stage.error,
    }
