"""What a Spark application did: its stages with the table and verb behind each, and their sums."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MIN_TASKS = 4
"""A stage of fewer tasks has no skew worth the name."""
TELLING_MS = 1000
"""A table's skew is that of stages whose longest task took this long: below, it is chance."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What tasks took. Sums, but for the peaks: of several loads a peak is the highest.

    Attributes:
        tasks: Tasks that ended well.
        failed_tasks: Tasks that failed or were killed; what they took counts as well.
        task_ms: From launch to finish, all tasks.
        gc_ms: Of which the JVM collected garbage.
        input_bytes: Size of the files that scans chose; of a stage unknown, and 0.
        read_bytes: What Spark counts as read: with rows kept between two passes, and of Parquet
            little more than the footers (its vectored reads go uncounted).
        input_records: Records of these.
        output_bytes: Written to files.
        output_records: Records of these.
        shuffle_read_bytes: Read from other stages.
        shuffle_written_bytes: Written for other stages.
        spilled_memory_bytes: Size in memory of what did not fit there.
        spilled_disk_bytes: The same on disk.
        peak_execution_bytes: Most that one task held for sorting, joining and grouping.
        peak_heap_bytes: Most that one JVM's heap held; 0 = the log does not say.
        peak_rss_bytes: Most resident memory of one JVM and its children; 0 = the log does not say.
    """

    tasks: int = 0
    failed_tasks: int = 0
    task_ms: int = 0
    gc_ms: int = 0
    input_bytes: int = 0
    read_bytes: int = 0
    input_records: int = 0
    output_bytes: int = 0
    output_records: int = 0
    shuffle_read_bytes: int = 0
    shuffle_written_bytes: int = 0
    spilled_memory_bytes: int = 0
    spilled_disk_bytes: int = 0
    peak_execution_bytes: int = 0
    peak_heap_bytes: int = 0
    peak_rss_bytes: int = 0

    def __add__(self, other: Load) -> Load:
        both = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(Load))
        return Load(**{n: max(a, b) if n.startswith("peak_") else a + b for n, a, b in both})

    @property
    def gc_share(self) -> float | None:
        """Share of task time spent on garbage, 0-1; None without tasks."""
        return self.gc_ms / self.task_ms if self.task_ms else None

    @property
    def shuffle_ratio(self) -> float | None:
        """Bytes written for other stages ÷ bytes of input files; None without input."""
        return self.shuffle_written_bytes / self.input_bytes if self.input_bytes else None

    @property
    def spilled_bytes(self) -> int:
        """What did not fit into memory, by the larger of its two sizes."""
        return max(self.spilled_memory_bytes, self.spilled_disk_bytes)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How evenly work is spread over the tasks of a stage that ended well.

    Attributes:
        n: Tasks.
        largest: Most that one task had.
        median: What the task in the middle had.
    """

    n: int
    largest: float
    median: float

    @property
    def skew(self) -> float | None:
        """Largest ÷ median, a median below one counting as one; None for a few tasks."""
        return self.largest / max(self.median, 1) if self.n >= MIN_TASKS else None


@dataclass(frozen=True, kw_only=True)
class Label:
    """What a job is about.

    Attributes:
        table: The table; empty when the job does not say.
        verb: What is done to it.
        work: What exactly, where the engine says so.
    """

    table: str = ""
    verb: str = ""
    work: str = ""


@dataclass(frozen=True, kw_only=True)
class SparkJob:
    """A Spark job.

    Attributes:
        id: Number in the application.
        label: What it is about.
        started_ms: Unix time.
        ended_ms: Unix time; None while it runs.
        failed: Whether it failed or was cancelled.
    """

    id: int
    label: Label
    started_ms: int
    ended_ms: int | None
    failed: bool


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One attempt of a stage.

    Attributes:
        id: Number in the application.
        attempt: 0, and more after lost output.
        label: What the job that asked for it is about.
        operators: What it does, in the engine's words.
        started_ms: Unix time; None while it waits.
        ended_ms: Unix time; None while it runs.
        load: What its tasks took.
        durations: Milliseconds of its tasks.
        records: Records read by its tasks, from input and other stages.
        error: Why it failed.
    """

    id: int
    attempt: int
    label: Label
    operators: str
    started_ms: int | None
    ended_ms: int | None
    load: Load
    durations: Spread
    records: Spread
    error: str = ""

    @property
    def is_telling(self) -> bool:
        """Whether its skew is more than chance."""
        return self.durations.n >= MIN_TASKS and self.durations.largest >= TELLING_MS


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A scan of files by a query.

    Attributes:
        label: What the query is about.
        started_ms: When the query started, Unix time.
        size_bytes: Size of the files it chose.
    """

    label: Label
    started_ms: int
    size_bytes: int


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

    @property
    def whole(self) -> Part:
        """Everything."""
        return self._part("all", lambda _: True, self.peak)

    @property
    def tables(self) -> list[Part]:
        """Work by table, most task time first."""
        return self._by(lambda label: label.table)

    @property
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
