"""A Spark application as a whole: its work summed over tables and verbs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from lakehouse.observability.work import Load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lakehouse.observability.work import Label, Scan, SparkJob, Stage


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the work: all, a table's, or a verb's.

    Attributes:
        name: Which; empty for jobs without a label.
        jobs: Spark jobs.
        failed_jobs: Of which failed.
        wall_ms: Time during which at least one of them ran.
        load: What their tasks took.
        skew: Longest ÷ median task of its worst telling stage; None when no stage is telling.
        record_skew: The same by records read.
    """

    name: str
    jobs: int
    failed_jobs: int
    wall_ms: int
    load: Load
    skew: float | None
    record_skew: float | None


@dataclass(frozen=True, kw_only=True)
class SparkRun:
    """An application as its event log tells it.

    Attributes:
        log: Where the log is.
        app_id: Identity.
        app_name: Name.
        spark_version: Version of the engine.
        cores: Cores of all executors that came.
        started_ms: Unix time.
        ended_ms: Unix time of its end, or of the last that the log tells.
        is_finished: Whether the log tells its end.
        jobs: Its jobs in order.
        stages: Stages that ran, in order.
        scans: Scans of files.
        peak: Peaks of memory, also from between tasks.
    """

    log: str
    app_id: str
    app_name: str
    spark_version: str
    cores: int
    started_ms: int
    ended_ms: int
    is_finished: bool
    jobs: tuple[SparkJob, ...]
    stages: tuple[Stage, ...]
    scans: tuple[Scan, ...]
    peak: Load

    @cached_property
    def whole(self) -> Part:
        """Everything."""
        return self._part("all", lambda _: True, self.peak)

    @cached_property
    def tables(self) -> list[Part]:
        """Work by table, most task time first."""
        return self._by(lambda label: label.table)

    @cached_property
    def verbs(self) -> list[Part]:
        """Work by verb, most task time first."""
        return self._by(lambda label: label.verb)

    @property
    def labelled_share(self) -> float | None:
        """Share of task time that is known to be some table's, 0-1; None without tasks."""
        whole = self.whole.load.task_ms
        known = sum(stage.load.task_ms for stage in self.stages if stage.label.table)
        return known / whole if whole else None

    @property
    def busy_share(self) -> float | None:
        """Share of the cores' time that tasks took while jobs ran, 0-1."""
        whole = self.whole
        room = whole.wall_ms * self.cores
        return whole.load.task_ms / room if room else None

    def slowest(self, n: int) -> list[Stage]:
        """The stages that took most task time."""
        return sorted(self.stages, key=lambda stage: -stage.load.task_ms)[:n]

    def until(self, moment_ms: float) -> SparkRun:
        """Without the jobs, stages and scans that started later."""
        jobs = tuple(job for job in self.jobs if job.started_ms <= moment_ms)
        stages = tuple(each for each in self.stages if (each.started_ms or 0) <= moment_ms)
        scans = tuple(scan for scan in self.scans if scan.started_ms <= moment_ms)
        return replace(self, jobs=jobs, stages=stages, scans=scans)

    def _by(self, key: Callable[[Label], str]) -> list[Part]:
        names = {key(job.label) for job in self.jobs}
        parts = [self._part(name, lambda label, n=name: key(label) == n) for name in names]  # type: ignore[misc]  # the default binds
        return sorted(parts, key=lambda part: (-part.load.task_ms, part.name))

    def _part(self, name: str, wanted: Callable[[Label], bool], peak: Load | None = None) -> Part:
        jobs = [job for job in self.jobs if wanted(job.label)]
        stages = [stage for stage in self.stages if wanted(stage.label)]
        scanned = sum(scan.size_bytes for scan in self.scans if wanted(scan.label))
        telling = [stage for stage in stages if stage.is_telling]
        return Part(
            name=name,
            jobs=len(jobs),
            failed_jobs=sum(job.failed for job in jobs),
            wall_ms=union_ms((job.started_ms, job.ended_ms or self.ended_ms) for job in jobs),
            load=sum(
                (stage.load for stage in stages), (peak or Load()) + Load(input_bytes=scanned)
            ),
            skew=max((s.durations.skew for s in telling if s.durations.skew), default=None),
            record_skew=max((s.records.skew for s in telling if s.records.skew), default=None),
        )


def union_ms(intervals: Iterable[tuple[int, int]]) -> int:
    """Time covered by at least one of several intervals."""
    covered, until = 0, 0
    for start, end in sorted(intervals):
        covered += max(0, end - max(start, until))
        until = max(until, end)
    return covered
