from __future__ import annotations

import json

import pytest
from eventlogs import EVENTS, START, job, stage, task, text, write

from lakehouse.errors import EventLogError
from lakehouse.observability.application import union_ms
from lakehouse.observability.eventlog import read_event_log
from lakehouse.observability.stage_sums import label_of
from lakehouse.observability.work import Label


@pytest.fixture
def run(tmp_path):
    return read_event_log(write(tmp_path / "local-1"))


def part(parts, name):
    return next(each for each in parts if each.name == name)


def test_it_tells_the_application(run):
    assert (run.app_name, run.app_id, run.spark_version) == ("lakehouse", "local-1", "4.2.0")
    assert (run.cores, run.started_ms, run.ended_ms) == (2, START, START + 30_000)
    assert run.is_finished


def test_wall_time_is_the_union_of_jobs(run):
    assert run.whole.wall_ms == 14_000 + 1_000 + 500
    assert part(run.tables, "bronze.a").wall_ms == 10_000
    assert part(run.tables, "silver.b").wall_ms == 10_000 + 1_000


def test_tables_come_by_task_time(run):
    took = [(each.name, each.jobs, each.load.task_ms) for each in run.tables]
    assert took == [("bronze.a", 1, 10_000), ("silver.b", 2, 3_000 + 1_200), ("", 1, 500)]
    assert run.labelled_share == 14_200 / 14_700
    assert run.busy_share == 14_700 / (2 * 15_500)


def test_verbs_sum_over_tables(run):
    assert {each.name: each.load.task_ms for each in run.verbs} == {
        "ingest": 10_000,
        "write": 3_000,
        "check output": 1_200,
        "": 500,
    }


def test_a_stage_belongs_to_the_first_job_that_asked_for_it(run):
    first = next(stage for stage in run.stages if stage.id == 0)
    assert first.label == Label(table="bronze.a", verb="ingest")  # job 1 lists it, too
    assert first.operators == "Generate, Scan text"
    second = next(stage for stage in run.stages if stage.id == 1)
    assert second.label.work == "Compute snapshot for version: 1"
    assert second.operators == "save"


def test_a_table_adds_up_its_tasks(run):
    load = part(run.tables, "bronze.a").load
    assert (load.tasks, load.failed_tasks, load.gc_ms) == (4, 0, 400)
    assert load.gc_share == 0.04
    assert (load.input_bytes, load.read_bytes, load.input_records) == (2_000, 40, 120)
    assert (load.output_bytes, load.output_records) == (20, 4)
    assert (load.shuffle_written_bytes, load.shuffle_ratio) == (1_200, 0.6)
    assert (load.peak_execution_bytes, load.peak_heap_bytes, load.peak_rss_bytes) == (
        64,
        4_000,
        8_001,
    )


def test_spill_and_what_was_read_from_other_stages(run):
    load = part(run.tables, "silver.b").load
    assert (load.spilled_memory_bytes, load.spilled_disk_bytes, load.spilled_bytes) == (
        500,
        200,
        500,
    )
    assert load.shuffle_read_bytes == 1_201 + 4 * 1
    assert load.shuffle_ratio is None  # no file was scanned


def test_skew_is_longest_by_median_of_stages_that_tell(run):
    bronze = part(run.tables, "bronze.a")
    assert bronze.skew == 6_000 / 1_500
    assert bronze.record_skew == 90 / 10
    silver = part(run.tables, "silver.b")
    assert silver.skew is None  # one task; and four of a median of 100 ms
    short = next(stage for stage in run.stages if stage.id == 2)
    assert (short.durations.skew, short.is_telling) == (9.0, False)


def test_failures_are_counted(run):
    lost = part(run.tables, "")
    assert (lost.failed_jobs, lost.load.failed_tasks, lost.load.tasks) == (1, 1, 0)
    assert run.whole.failed_jobs == 1


def test_the_slowest_stages_come_first(run):
    assert [(s.id, s.load.task_ms) for s in run.slowest(2)] == [(0, 10_000), (1, 3_000)]


def test_work_until_a_moment_leaves_out_what_started_later(run):
    early = run.until(START + 5_000)
    assert [(each.name, each.load.task_ms) for each in early.tables] == [
        ("bronze.a", 10_000),
        ("silver.b", 3_000),
    ]
    assert early.whole.load.input_bytes == 2_000
    assert run.until(START + 899).whole.load.input_bytes == 0


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_log_without_its_end_is_reported_as_far_as_it_goes(tmp_path, cut):
    path = tmp_path / "local-1.inprogress"
    path.write_bytes(text()[:-cut])
    run = read_event_log(path)
    assert run.is_finished == (cut == 1)  # without the last line feed it is whole
    assert run.whole.load.task_ms == 14_700
    assert run.ended_ms == START + (30_000 if cut == 1 else 22_500)


def test_a_job_that_still_runs_counts_up_to_the_last_that_is_known(tmp_path):
    started = [*EVENTS[:3], job(0, 1_000, [0], description="bronze.a: ingest"), stage(0, 1_000)]
    run = read_event_log(write(tmp_path / "log", [*started, task(0, 1_000, 2_500)]))
    assert (run.tables[0].wall_ms, run.tables[0].load.tasks) == (2_500, 1)
    assert (run.jobs[0].ended_ms, run.stages[0].ended_ms) == (None, None)


def test_a_log_that_has_only_begun_has_no_tasks(tmp_path):
    run = read_event_log(write(tmp_path / "log", EVENTS[:3]))
    assert run.tables == []
    assert (run.labelled_share, run.busy_share, run.whole.load.gc_share) == (None, None, None)


def test_a_damaged_line_before_the_last_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(text(EVENTS[:3]) + b'{"Event":"SparkListenerTaskEnd",\n' + text(EVENTS[3:]))
    with pytest.raises(EventLogError, match=f"{path}:4 ") as raised:
        read_event_log(path)
    assert raised.value.exit_code == 65


def test_an_event_of_another_shape_is_an_error_that_names_it(tmp_path):
    path = write(tmp_path / "log", [*EVENTS[:3], {"Event": "SparkListenerTaskEnd"}])
    with pytest.raises(EventLogError, match=f"{path}:4 .*Stage ID"):
        read_event_log(path)


def test_events_of_others_are_passed_over(tmp_path):
    theirs = {"Event": "org.example.Theirs", "Job ID": "x", "deep": json.dumps(EVENTS[0])}
    run = read_event_log(write(tmp_path / "log", [EVENTS[0], theirs, *EVENTS[1:]]))
    assert run.whole.load.task_ms == 14_700


@pytest.mark.parametrize(
    ("description", "tags", "expected"),
    [
        ("silver.b: find scope", "", Label(table="silver.b", verb="find scope")),
        (
            "Delta: Delta: gold.c: check output: Filtering files: Compute snapshot",
            "",
            Label(table="gold.c", verb="check output", work="Filtering files: Compute snapshot"),
        ),
        (
            "silver.b: write - MERGE operation - scanning files for matches",
            "",
            Label(
                table="silver.b", verb="write", work="MERGE operation - scanning files for matches"
            ),
        ),
        ("Spark Connect - x", "a,b_Tag_silver.b: write", Label(table="silver.b", verb="write")),
        ("Spark Connect - SELECT 'a.b'", "a,b_Tag_other", Label()),
        ("save at NativeMethodAccessorImpl.java:0", "", Label()),
        ("", "", Label()),
    ],
)
def test_a_label_is_found_in_the_description_or_in_a_tag(description, tags, expected):
    assert label_of({"spark.job.description": description, "spark.job.tags": tags}) == expected


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [([], 0), ([(1, 3), (2, 5)], 4), ([(6, 7), (1, 3)], 3), ([(1, 9), (2, 3)], 8), ([(4, 4)], 0)],
)
def test_a_union_counts_no_moment_twice(intervals, expected):
    assert union_ms(intervals) == expected
