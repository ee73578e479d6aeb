"""Tasks of an event log, sorted by how long they took."""

from __future__ import annotations

from eventlogs import EVENTS, START, task, write

from benchmarks.tasks import TaskClass, task_classes


def test_tasks_that_took_about_as_long_stand_together(tmp_path):
    # By hand: 100 three times, 500, 900, 1,000 twice, 2,000, 3,000 and 6,000 ms.
    assert task_classes([write(tmp_path / "local-1")]) == [
        TaskClass(0.1, 3, 0.3),
        TaskClass(0.5012, 1, 0.5),
        TaskClass(1.0, 3, 2.9),
        TaskClass(2.512, 1, 2.0),
        TaskClass(3.162, 1, 3.0),
        TaskClass(6.31, 1, 6.0),
    ]


def test_logs_add_up_as_far_as_a_moment(tmp_path):
    one = write(tmp_path / "local-1", [*EVENTS[:1], task(0, 0, 10), task(0, 500, 10)])
    other = write(tmp_path / "local-2", [*EVENTS[:1], task(0, 0, 10), task(0, 501, 10)])
    assert task_classes([one, other], until_ms=START + 500) == [TaskClass(0.01, 3, 0.03)]


def test_a_task_of_no_time_is_one_of_a_millisecond(tmp_path):
    log = write(tmp_path / "local-1", [*EVENTS[:1], task(0, 0, 0)])
    assert task_classes([log]) == [TaskClass(0.001, 1, 0.001)]
