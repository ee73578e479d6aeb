"""Pieces of a Spark application: jobs, stages, scans, what they took and what they are about."""

from __future__ import annotations

from dataclasses import dataclass, fields

MIN_TASKS = 4
"""A stage of fewer tasks has no skew worth the name."""
TELLING_MS = 200
"""A table's skew is that of stages whose median task takes longer: below, it is chance."""


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
        return self.durations.n >= MIN_TASKS and self.durations.median > TELLING_MS


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
