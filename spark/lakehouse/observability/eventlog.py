"""Reading a Spark event log, line by line: what is kept grows with tasks, not with the log.

Jobs carry the table and the verb they work for: in their description, or over Spark Connect, which
has descriptions of its own, in a tag. Delta puts words of its own around a description.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

from lakehouse.errors import EventLogError
from lakehouse.observability.application import SparkRun
from lakehouse.observability.event_files import read_lines
from lakehouse.observability.stage_sums import JobSoFar, StageSoFar, label_of, memory, operators
from lakehouse.observability.work import Label, Load, Scan, SparkJob

if TYPE_CHECKING:
    from pathlib import Path

    from lakehouse.observability.stage_sums import Event

_HEAD = b'{"Event":"'
_SCAN = re.compile(rb'"name":"size of files read","accumulatorId":(\d+)')


def read_event_log(log: Path) -> SparkRun:
    """What an application did, as far as its log goes.

    Args:
        log: A file or a rolling folder, see `event_files.find_log`.

    Raises:
        EventLogError: It is empty, not an event log, or broken before its last line.
    """
    reader = _Reader()
    broken = ""
    for line, place in read_lines(log):
        if broken:
            raise EventLogError(
                f"{broken} is not a complete event, but lines follow: the log is damaged"
            )
        try:
            reader.take(line)
        except ValueError:  # the last line of a log that is still being written may be cut
            broken = place
        except (KeyError, TypeError, AttributeError) as error:
            raise EventLogError(f"{place} is not in the format of Spark 4: {error!r}") from error
    return reader.run(log)


class _Reader:
    """What was read so far."""

    def __init__(self) -> None:
        self.about = {"app_id": "", "app_name": "", "spark_version": ""}
        self.cores: dict[str, int] = {}
        self.started_ms: int | None = None
        self.last_ms = 0
        self.ended_ms: int | None = None
        self.jobs: dict[int, JobSoFar] = {}
        self.askers: dict[int, list[int]] = {}  # stage → jobs that list it
        self.stages: dict[tuple[int, int], StageSoFar] = {}
        self.peaks: Counter[str] = Counter()
        self.queries: dict[int, tuple[Label, int]] = {}
        self.scan_sizes: set[int] = set()  # accumulators that hold one
        self.driver_figures: dict[int, tuple[int, int]] = {}  # accumulator → query, value
        self.handlers = {
            "SparkListenerLogStart": self.log_start,
            "SparkListenerApplicationStart": self.application_start,
            "SparkListenerApplicationEnd": self.application_end,
            "SparkListenerExecutorAdded": self.executor_added,
            "SparkListenerExecutorMetricsUpdate": self.metrics_update,
            "SparkListenerJobStart": self.job_start,
            "SparkListenerJobEnd": self.job_end,
            "SparkListenerStageSubmitted": self.stage_submitted,
            "SparkListenerStageCompleted": self.stage_completed,
            "SparkListenerStageExecutorMetrics": self.stage_metrics,
            "SparkListenerTaskEnd": self.task_end,
            "SparkListenerSQLExecutionStart": self.query_start,
            "SparkListenerDriverAccumUpdates": self.driver_update,
        }

    def take(self, line: bytes) -> None:
        """Take over one line.

        Raises:
            ValueError: It is not a whole event.
        """
        kind = line[len(_HEAD) : line.find(b'"', len(_HEAD))].rpartition(b".")[2]
        if b"SQL" in kind:
            self.scan_sizes.update(int(number) for number in _SCAN.findall(line))
        handle = self.handlers.get(kind.decode("ascii", "replace"))
        if handle:
            handle(json.loads(line))
        elif not line.endswith(b"}"):
            raise ValueError

    def at(self, moment: int) -> int:
        """Take note of a moment, Unix time in ms."""
        self.last_ms = max(self.last_ms, moment)
        self.started_ms = moment if self.started_ms is None else min(self.started_ms, moment)
        return moment

    def log_start(self, event: Event) -> None:
        self.about["spark_version"] = event["Spark Version"]

    def application_start(self, event: Event) -> None:
        self.about |= {"app_id": event.get("App ID", ""), "app_name": event["App Name"]}
        self.at(event["Timestamp"])

    def application_end(self, event: Event) -> None:
        self.ended_ms = self.at(event["Timestamp"])

    def executor_added(self, event: Event) -> None:
        self.at(event["Timestamp"])
        self.cores[event["Executor ID"]] = event["Executor Info"]["Total Cores"]

    def metrics_update(self, event: Event) -> None:
        for each in event.get("Executor Metrics Updated", ()):
            self.peaks |= memory(each["Executor Metrics"])

    def job_start(self, event: Event) -> None:
        number = event["Job ID"]
        label = label_of(event.get("Properties") or {})
        self.jobs[number] = JobSoFar(label, self.at(event["Submission Time"]))
        for stage in event["Stage IDs"]:
            self.askers.setdefault(stage, []).append(number)

    def job_end(self, event: Event) -> None:
        job = self.jobs[event["Job ID"]]
        job.ended_ms = self.at(event["Completion Time"])
        job.failed = event["Job Result"]["Result"] != "JobSucceeded"

    def stage_submitted(self, event: Event) -> None:
        info = event["Stage Info"]
        stage = self.stage(info["Stage ID"], info["Stage Attempt ID"])
        stage.operators = operators(info)
        if started := info.get("Submission Time"):
            stage.started_ms = self.at(started)

    def stage_completed(self, event: Event) -> None:
        info = event["Stage Info"]
        stage = self.stage(info["Stage ID"], info["Stage Attempt ID"])
        stage.started_ms = info.get("Submission Time") or stage.started_ms
        if ended := info.get("Completion Time"):
            stage.ended_ms = self.at(ended)
        stage.error = next(iter(info.get("Failure Reason", "").splitlines()), "")

    def stage_metrics(self, event: Event) -> None:
        stage = self.stage(event["Stage ID"], event["Stage Attempt ID"])
        stage.peaks |= memory(event["Executor Metrics"])

    def task_end(self, event: Event) -> None:
        stage = self.stage(event["Stage ID"], event["Stage Attempt ID"])
        info = event["Task Info"]
        is_good = event["Task End Reason"]["Reason"] == "Success"
        took = self.at(info["Finish Time"]) - info["Launch Time"]
        stage.add(took, event.get("Task Metrics") or {}, is_good=is_good)
        stage.peaks |= memory(event.get("Task Executor Metrics") or {})

    def query_start(self, event: Event) -> None:
        tags = ",".join(event.get("jobTags") or ())
        about = {"spark.job.description": event["description"], "spark.job.tags": tags}
        self.queries[event["executionId"]] = label_of(about), event["time"]

    def driver_update(self, event: Event) -> None:
        for accumulator, value in event["accumUpdates"]:
            self.driver_figures[accumulator] = event["executionId"], value

    def stage(self, number: int, attempt: int) -> StageSoFar:
        """A stage; its work is that of the first job that runs and asks for it."""
        key = number, attempt
        if key not in self.stages:
            askers = self.askers.get(number, [])
            running = [each for each in askers if self.jobs[each].ended_ms is None]
            asker = next(iter(running or askers), None)
            self.stages[key] = StageSoFar(Label() if asker is None else self.jobs[asker].label)
        return self.stages[key]

    def run(self, log: Path) -> SparkRun:
        return SparkRun(
            log=str(log),
            **self.about,
            cores=sum(self.cores.values()),
            started_ms=self.started_ms or 0,
            ended_ms=self.last_ms if self.ended_ms is None else self.ended_ms,
            is_finished=self.ended_ms is not None,
            jobs=tuple(
                SparkJob(id=number, **vars(job)) for number, job in sorted(self.jobs.items())
            ),
            stages=tuple(stage.done(*key) for key, stage in sorted(self.stages.items())),
            scans=tuple(
                Scan(label=label, started_ms=started, size_bytes=value)
                for accumulator, (query, value) in self.driver_figures.items()
                if accumulator in self.scan_sizes
                for label, started in [self.queries.get(query, (Label(), 0))]
            ),
            peak=Load(**self.peaks),
        )
