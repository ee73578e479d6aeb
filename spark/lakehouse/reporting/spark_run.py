"""Where the time of a Spark run went: by table, by verb, by stage, and against the targets."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakehouse.observability.work import MIN_TASKS, TELLING_MS
from lakehouse.reporting import numbers
from lakehouse.reporting.charts.lanes import Busy, Lane, lanes
from lakehouse.reporting.page import Cell, Figure, Grid, Headline, Section, Tone
from lakehouse.reporting.targets import MAX_SKEW, verdicts

if TYPE_CHECKING:
    from markupsafe import Markup

    from lakehouse.observability.application import Part, SparkRun
    from lakehouse.observability.work import Label, Stage

NO_LABEL = "(unlabelled)"
SLOWEST = 15
PART_HEAD = (
    *(">Wall", ">Task time", ">Share", ">Tasks", ">Longest ÷ median", ">by records", ">GC"),
    *(">Spill", ">Input", ">Shuffle", ">÷ input", ">Output", ">Jobs", ">Task memory", ">Heap"),
)
STAGE_HEAD = (
    *("Table", "Step", ">Task time", "What", ">Tasks", ">Longest", ">Median", ">Ratio"),
    *(">by records", ">GC", ">Records in", ">Spill", ">Shuffle read", ">written"),
)


def opening(run: SparkRun) -> list[str]:
    """What the log is about, and what to know before believing it."""
    whole = run.whole
    started = datetime.fromtimestamp(run.started_ms / 1000, UTC)
    cores = numbers.plural(run.cores, "core")
    engine = f"{run.app_name} {run.app_id}, Spark {run.spark_version}, {cores}"
    wall, busy, tasks = (
        numbers.seconds(ms)
        for ms in (run.ended_ms - run.started_ms, whole.wall_ms, whole.load.task_ms)
    )
    share = numbers.percent(run.busy_share, 0)
    lines = [
        f"{engine}, started {started:%Y-%m-%d %H:%M:%S} UTC",
        f"{wall}, of which {busy} with a Spark job running; tasks took {tasks} ({share} of cores)",
    ]
    if not run.is_finished:
        ended = datetime.fromtimestamp(run.ended_ms / 1000, UTC)
        lines.append(
            f"Unfinished: the log does not contain the application's end. It is still running, or "
            f"it died; figures are as of {ended:%H:%M:%S} UTC"
        )
    if whole.failed_jobs or whole.load.failed_tasks:
        lines.append(
            f"{numbers.plural(whole.failed_jobs, 'job')} and "
            f"{numbers.plural(whole.load.failed_tasks, 'task')} failed or were cancelled"
        )
    return lines


def run_sections(run: SparkRun) -> list[Section]:
    """The parts of the report."""
    return [_summary(run), _by_table(run), _by_verb(run), _slowest(run)]


def _summary(run: SparkRun) -> Section:
    whole, load = run.whole, run.whole.load
    labelled = numbers.percent(run.labelled_share, 0)
    return Section(
        anchor="summary",
        title="In short",
        headlines=[
            Headline(
                label="Wall time",
                value=numbers.seconds(run.ended_ms - run.started_ms),
                note=f"{numbers.seconds(whole.wall_ms)} with a Spark job running",
            ),
            Headline(
                label="Task time",
                value=numbers.seconds(load.task_ms),
                note=f"{numbers.percent(run.busy_share, 0)} of {run.cores} cores while jobs ran",
            ),
            Headline(
                label="Jobs and tasks",
                value=f"{numbers.count(whole.jobs)} / {numbers.count(load.tasks)}",
                note=f"{labelled} of task time assigned to a table",
            ),
            Headline(
                label="Input",
                value=numbers.size(load.input_bytes),
                note="files that scans selected, counted each time",
            ),
            Headline(
                label="Shuffle",
                value=numbers.size(load.shuffle_written_bytes),
                note="written by stages for later stages",
            ),
            Headline(
                label="Heap",
                value=_measured(load.peak_heap_bytes),
                note=f"at most; process {_measured(load.peak_rss_bytes)}",
            ),
        ],
        answers=judgement(run),
    )


def judgement(run: SparkRun) -> list[Cell]:
    """One line that says which targets the run meets, and the figures behind it."""
    found = verdicts(run.whole)
    named = {
        word: ", ".join(each.name for each in found if each.met is met)
        for word, met in (("missed", False), ("met", True), ("not judged", None))
    }
    line = "; ".join(f"{word}: {names}" for word, names in named.items() if names)
    tone: Tone = "bad" if named["missed"] else "good"
    return [Cell(f"Targets {line}", tone), *(each.cell for each in found)]


def _by_table(run: SparkRun) -> Section:
    return Section(
        anchor="tables",
        title="By table",
        figures=[
            Figure(
                title="Timeline of the tables",
                caption="Seconds since the application started. Gaps are planning and bookkeeping.",
                svg=_lanes(run),
            ),
            Figure(
                title="Cost by table, most task time first",
                caption=(
                    "Wall is the time with at least one job of the table running; tables run side "
                    "by side, so walls add up to more than the run. Longest ÷ median task is that "
                    f"of the worst stage with at least {MIN_TASKS} tasks whose median task takes "
                    f"over {numbers.seconds(TELLING_MS)}. Input is the size of the files that "
                    "scans selected; shuffle is what stages wrote for later ones. Task memory is "
                    "the most that one task used for sorting, joining and grouping; heap is that "
                    "of the whole JVM."
                ),
                grid=Grid(
                    head=("Table", *PART_HEAD),
                    rows=[_part_row(run, part) for part in [*run.tables, run.whole]],
                ),
            ),
        ],
    )


def _by_verb(run: SparkRun) -> Section:
    return Section(
        anchor="verbs",
        title="By verb",
        figures=[
            Figure(
                title="Cost by step, over all tables",
                caption=(
                    "Spark is lazy: the first load of a table computes it while it is written; an "
                    "increment is computed under `derive`, then written."
                ),
                grid=Grid(
                    head=("Step", *PART_HEAD), rows=[_part_row(run, part) for part in run.verbs]
                ),
            )
        ],
    )


def _slowest(run: SparkRun) -> Section:
    return Section(
        anchor="stages",
        title="Slowest stages",
        figures=[
            Figure(
                title=f"The {SLOWEST} stages with the most task time",
                caption="A stage is the work between two shuffles, shared by its tasks.",
                grid=Grid(
                    head=STAGE_HEAD, rows=[_stage_row(stage) for stage in run.slowest(SLOWEST)]
                ),
                empty="No stage has run yet.",
            )
        ],
    )


def _part_row(run: SparkRun, part: Part) -> list[Cell | str]:
    load = part.load
    whole_ms = run.whole.load.task_ms
    return [
        part.name or NO_LABEL,
        numbers.seconds(part.wall_ms),
        numbers.seconds(load.task_ms),
        numbers.percent(load.task_ms / whole_ms if whole_ms else None, 0),
        numbers.count(load.tasks),
        skew(part.skew),
        numbers.ratio(part.record_skew),
        numbers.percent(load.gc_share),
        spill(load.spilled_bytes),
        numbers.size(load.input_bytes),
        numbers.size(load.shuffle_written_bytes),
        numbers.ratio(load.shuffle_ratio),
        numbers.size(load.output_bytes),
        numbers.count(part.jobs),
        numbers.size(load.peak_execution_bytes),
        _measured(load.peak_heap_bytes),
    ]


def _stage_row(stage: Stage) -> list[Cell | str]:
    load, label = stage.load, stage.label
    what: Cell | str = label.work or stage.operators
    if stage.error:
        what = Cell(f"✗ {stage.error}", "bad")
    return [
        label.table or NO_LABEL,
        label.verb,
        numbers.seconds(load.task_ms),
        what,
        numbers.count(load.tasks),
        numbers.seconds(stage.durations.largest),
        numbers.seconds(stage.durations.median),
        skew(stage.durations.skew) if stage.is_telling else numbers.ratio(stage.durations.skew),
        numbers.ratio(stage.records.skew),
        numbers.percent(load.gc_share),
        numbers.count(load.input_records),
        spill(load.spilled_bytes),
        numbers.size(load.shuffle_read_bytes),
        numbers.size(load.shuffle_written_bytes),
    ]


def skew(value: float | None) -> Cell | str:
    """Longest ÷ median, marked when it is a straggler's."""
    if value is None or value < MAX_SKEW:
        return numbers.ratio(value)
    return Cell(f"! {numbers.ratio(value)}", "warn")


def spill(n_bytes: int) -> Cell | str:
    """Bytes, marked when there are any."""
    return Cell(f"! {numbers.size(n_bytes)}", "bad") if n_bytes else numbers.size(n_bytes)


def _measured(n_bytes: int) -> str:
    return numbers.size(n_bytes or None)


def _lanes(run: SparkRun) -> Markup | None:
    by_table: defaultdict[str, list[Busy]] = defaultdict(list)
    for job in run.jobs:
        end = job.ended_ms or run.ended_ms
        tip = f"{_words(job.label)}, job {job.id}: {numbers.seconds(end - job.started_ms)}"
        start = job.started_ms - run.started_ms
        by_table[job.label.table].append(Busy(start, end - run.started_ms, tip))
    rows = [Lane(table or NO_LABEL, stretches) for table, stretches in by_table.items()]
    until = run.ended_ms - run.started_ms
    return lanes("Timeline of the tables", rows, until) if rows else None


def _words(label: Label) -> str:
    parts = (label.table or NO_LABEL, label.verb, label.work)
    return ": ".join(part for part in parts if part)
