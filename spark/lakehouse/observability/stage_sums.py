"""A stage while its tasks end, and what the events say of labels, operators and memory."""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from lakehouse.observability.work import Label, Load, Spread, Stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Event = Mapping[str, Any]

# Delta puts words of its own before and behind: "Delta: T: V: Compute snapshot", "T: V - MERGE …".
_LABEL = re.compile(
    r"(?:^| )(?P<table>[a-z]+\.\w+): (?P<verb>[a-z]+(?: [a-z]+)*)(?:(?:: | - )(?P<work>.+))?$"
)
# In every stage, or in none that is worth a look.
_DULL = re.compile(
    r"WholeStageCodegen|AdaptiveSparkPlan|Exchange|InputAdapter|Project|Filter|Union|AQEShuffleRead|CollectMetrics|[Mm]ap"
    r"|DeserializeToObject|SerializeFromObject|parallelize"
)
MOST_CALL = 40  # characters: over Connect a stage is named by its whole plan
_PROCESSES = ("JVM", "Python", "Other")
_SUMS = {
    "gc_ms": ("JVM GC Time",),
    "read_bytes": ("Input Metrics", "Bytes Read"),
    "input_records": ("Input Metrics", "Records Read"),
    "output_bytes": ("Output Metrics", "Bytes Written"),
    "output_records": ("Output Metrics", "Records Written"),
    "shuffle_written_bytes": ("Shuffle Write Metrics", "Shuffle Bytes Written"),
    "spilled_memory_bytes": ("Memory Bytes Spilled",),
    "spilled_disk_bytes": ("Disk Bytes Spilled",),
}


class JobSoFar:
    """A job while it runs; the fields of a `SparkJob` but for its number."""

    def __init__(self, label: Label, started_ms: int) -> None:
        """It has just started."""
        self.label = label
        self.started_ms = started_ms
        self.ended_ms: int | None = None
        self.failed = False


class StageSoFar:
    """One attempt of a stage while it runs."""

    def __init__(self, label: Label) -> None:
        """None of its tasks has ended."""
        self.label = label
        self.operators = ""
        self.started_ms: int | None = None
        self.ended_ms: int | None = None
        self.error = ""
        self.peaks: Counter[str] = Counter()  # `|=` keeps the higher
        self.sums: Counter[str] = Counter()
        self.durations = array("q")
        self.records = array("q")

    def add(self, took_ms: int, metrics: Event, *, is_good: bool) -> None:
        """One task."""
        read = metrics.get("Shuffle Read Metrics") or {}
        self.sums["tasks" if is_good else "failed_tasks"] += 1
        self.sums["task_ms"] += took_ms
        remote, local = read.get("Remote Bytes Read", 0), read.get("Local Bytes Read", 0)
        self.sums["shuffle_read_bytes"] += remote + local
        for name, path in _SUMS.items():
            self.sums[name] += _figure(metrics, path)
        self.peaks |= Counter(peak_execution_bytes=metrics.get("Peak Execution Memory", 0))
        if is_good:
            self.durations.append(took_ms)
            shuffled = read.get("Total Records Read", 0)
            self.records.append(_figure(metrics, _SUMS["input_records"]) + shuffled)

    def done(self, number: int, attempt: int) -> Stage:
        """The stage, as far as the log tells."""
        return Stage(
            id=number,
            attempt=attempt,
            label=self.label,
            operators=self.operators,
            started_ms=self.started_ms,
            ended_ms=self.ended_ms,
            load=Load(**self.sums, **self.peaks),
            durations=_spread(self.durations),
            records=_spread(self.records),
            error=self.error,
        )


def label_of(properties: Mapping[str, str]) -> Label:
    """The table and the verb in a job's properties: its description, else one of its tags."""
    tags = (tag.partition("_Tag_")[2] for tag in properties.get("spark.job.tags", "").split(","))
    for text in (properties.get("spark.job.description", ""), *tags):
        if found := _LABEL.search(text):
            return Label(**{name: value or "" for name, value in found.groupdict().items()})
    return Label()


def _figure(metrics: Event, path: Iterable[str]) -> int:
    value: Any = metrics
    for name in path:
        value = value.get(name) or {}
    return value or 0


def memory(metrics: Event) -> Counter[str]:
    """Peaks of memory among an executor's metrics, named as in `Load`."""
    resident = sum(metrics.get(f"ProcessTree{kind}RSSMemory", 0) for kind in _PROCESSES)
    return Counter(peak_heap_bytes=metrics.get("JVMHeapMemory", 0), peak_rss_bytes=resident)


def operators(info: Event) -> str:
    """What a stage does: its operators that tell something, else the call that started it."""
    scopes = [rdd["Scope"] for rdd in info.get("RDD Info", ()) if "Scope" in rdd]
    found = (json.loads(scope)["name"] for scope in scopes)
    names = {" ".join(name.split()[:2]) for name in found if not _DULL.match(name)}
    call = info["Stage Name"].partition(" at ")[0]
    return ", ".join(sorted(names)) or call.partition("\n")[0][:MOST_CALL]


def _spread(values: array[int]) -> Spread:
    if not values:
        return Spread(n=0, largest=0, median=0)
    return Spread(n=len(values), largest=max(values), median=median(values))
