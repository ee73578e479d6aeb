"""A small event log, written by hand: three tables' jobs, one of them failed, on two cores.

Times are milliseconds after 1,000,000. By hand: jobs ran 1,000-11,000, 5,000-15,000, 20,000-21,000
and 22,000-22,500; tasks took 10,000 + 3,000 + 1,200 + 500.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

START = 1_000_000
SQL = "org.apache.spark.sql.execution.ui."


def event(name: str, **fields: Any) -> dict[str, Any]:
    return {"Event": name, **fields}


def job(number: int, at: int, stages: list[int], **properties: str) -> dict[str, Any]:
    about = {"Job ID": number, "Submission Time": START + at, "Stage IDs": stages}
    named = {f"spark.job.{key}": value for key, value in properties.items()}
    return event("SparkListenerJobStart", **about, Properties=named)


def job_end(number: int, at: int, result: str = "JobSucceeded") -> dict[str, Any]:
    about = {"Job ID": number, "Completion Time": START + at}
    return event("SparkListenerJobEnd", **about, **{"Job Result": {"Result": result}})


def stage(number: int, started: int, ended: int | None = None, *scopes: str) -> dict[str, Any]:
    info: dict[str, Any] = {
        "Stage ID": number,
        "Stage Attempt ID": 0,
        "Stage Name": "save at NativeMethodAccessorImpl.java:0",
        "Submission Time": START + started,
        "RDD Info": [{"Scope": json.dumps({"id": "1", "name": scope})} for scope in scopes],
    }
    if ended is None:
        return event("SparkListenerStageSubmitted", **{"Stage Info": info})
    info["Completion Time"] = START + ended
    return event("SparkListenerStageCompleted", **{"Stage Info": info})


def task(number: int, launched: int, took: int, **metrics: Any) -> dict[str, Any]:
    """A task of a stage; `records`, `gc`, `read`, `written`, `memory`, `disk`, `peak`, `heap`."""
    failed = metrics.pop("failed", False)
    measured = {
        "JVM GC Time": metrics.get("gc", 0),
        "Memory Bytes Spilled": metrics.get("memory", 0),
        "Disk Bytes Spilled": metrics.get("disk", 0),
        "Peak Execution Memory": metrics.get("peak", 0),
        "Input Metrics": {"Bytes Read": 10, "Records Read": metrics.get("records", 0)},
        "Output Metrics": {"Bytes Written": 5, "Records Written": 1},
        "Shuffle Read Metrics": {
            "Remote Bytes Read": metrics.get("read", 0),
            "Local Bytes Read": 1,
            "Total Records Read": 0,
        },
        "Shuffle Write Metrics": {"Shuffle Bytes Written": metrics.get("written", 0)},
    }
    ends = {
        "Stage ID": number,
        "Stage Attempt ID": 0,
        "Task End Reason": {"Reason": "ExceptionFailure" if failed else "Success"},
        "Task Info": {"Launch Time": START + launched, "Finish Time": START + launched + took},
        "Task Executor Metrics": {
            "JVMHeapMemory": metrics.get("heap", 0),
            "ProcessTreeJVMRSSMemory": 2 * metrics.get("heap", 0),
            "ProcessTreePythonRSSMemory": 1,
        },
    }
    return event("SparkListenerTaskEnd", **ends, **({} if failed else {"Task Metrics": measured}))


TAGS = (
    "SparkConnect_Execute_1,SparkConnect_OperationTag_User_u_Session_s_Tag_silver.b: check output"
)
SCAN = {"name": "size of files read", "accumulatorId": 55, "metricType": "size"}

EVENTS = [
    event("SparkListenerLogStart", **{"Spark Version": "4.2.0"}),
    event("SparkListenerExecutorAdded", **{
        "Timestamp": START + 10, "Executor ID": "driver", "Executor Info": {"Total Cores": 2},
    }),
    event("SparkListenerApplicationStart", **{
        "App Name": "lakehouse", "App ID": "local-1", "Timestamp": START,
    }),
    event(
        f"{SQL}SparkListenerSQLExecutionStart",
        executionId=7, time=START + 900, description="bronze.a: ingest", plan={"metrics": [SCAN]},
    ),
    job(0, 1_000, [0], description="bronze.a: ingest"),
    stage(0, 1_000, None, "Scan text ", "WholeStageCodegen (1)", "Generate"),
    event(f"{SQL}SparkListenerDriverAccumUpdates", executionId=7, accumUpdates=[[55, 2000]]),
    task(0, 1_000, 1_000, records=10, gc=100, written=300, heap=1_000),
    task(0, 1_000, 1_000, records=10, gc=100, written=300, heap=4_000),
    task(0, 2_000, 2_000, records=10, gc=100, written=300, peak=64),
    job(1, 5_000, [0, 1], description="Delta: silver.b: write: Compute snapshot for version: 1"),
    stage(1, 5_000, None),
    task(0, 5_000, 6_000, records=90, gc=100, written=300, peak=32),
    stage(0, 1_000, 11_000, "Scan text ", "Generate"),
    job_end(0, 11_000),
    task(1, 11_000, 3_000, read=1_200, memory=500, disk=200),
    stage(1, 5_000, 15_000),
    job_end(1, 15_000),
    job(2, 20_000, [2], description="Spark Connect - SELECT 1", tags=TAGS),
    stage(2, 20_000, None),
    *(task(2, 20_000, took) for took in (100, 100, 100, 900)),
    stage(2, 20_000, 21_000),
    job_end(2, 21_000),
    job(3, 22_000, [3]),
    stage(3, 22_000, None),
    task(3, 22_000, 500, failed=True),
    job_end(3, 22_500, "JobFailed"),
    event("SparkListenerApplicationEnd", Timestamp=START + 30_000),
]  # fmt: skip


def text(events: list[dict[str, Any]] = EVENTS) -> bytes:
    """As Spark writes it: one event a line, without blanks."""
    return b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in events)


def write(path: Path, events: list[dict[str, Any]] = EVENTS) -> Path:
    path.write_bytes(text(events))
    return path
