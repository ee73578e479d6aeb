"""Operators that run the `lakehouse` command and understand its exit codes.

Modules of the plugins folder are importable from DAG files; none of them imports an engine.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Asset, Context

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("LAKEHOUSE_COMMAND") or str(Path(sys.executable).with_name("lakehouse"))
FOR_A_PERSON = {
    2: "no such command: the lakehouse and the DAGs have different versions",
    65: "the data is wrong: a person must look at it, a retry cannot help",
    78: "the configuration is wrong: a person must fix it, a retry cannot help",
}
GRACE_SECONDS = 10
YESTERDAY = "yesterday"
"""What the form accepts for the day before the run."""
PR_SET_PDEATHSIG = 1


class FormError(AirflowFailException):
    """The day in the form is not a date: an error for whoever typed it, not an alert."""


class LakehouseOperator(BaseOperator):
    """Runs one `lakehouse` command; its standard error is the task's log.

    Exit codes 65 and 78 fail the task at once, every other one but 0 is retried. When the task is
    killed, the command and all it started go with it.

    Args:
        arguments: Arguments of `lakehouse`.
    """

    ui_color = "#e8f0fe"

    def __init__(self, *, arguments: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = list(arguments)
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> Any:  # noqa: ARG002  # Airflow's signature
        """Run the command; what it prints as JSON is the task's result."""
        return self.run_lakehouse(*self.arguments)

    def on_kill(self) -> None:
        """End the command's whole process group: nothing keeps writing."""
        if self._process is not None:
            _end_group(self._process)

    def run_lakehouse(self, *arguments: str) -> Any:
        """Run `lakehouse`; returns what it prints as JSON, or its text.

        Raises:
            AirflowFailException: Exit code 65 or 78.
            AirflowException: Another exit code.
        """
        self.log.info("$ lakehouse %s", " ".join(arguments))
        self._process = process = subprocess.Popen(  # noqa: S603  # our own command
            [COMMAND, *arguments],
            cwd=PROJECT,  # where .env is
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509  # the task's process has one thread here
        )
        try:
            printed, last = self._follow(process)
        except BaseException:  # a time-out, too: it must not leave the command writing
            _end_group(process)
            raise
        code = process.returncode
        reason = _reason(printed) or last or arguments
        if code in FOR_A_PERSON:
            raise AirflowFailException(f"{reason} ({FOR_A_PERSON[code]})")
        if code:
            raise AirflowException(f"{reason} (exit code {code}; to be retried)")
        return _parsed(printed)

    def _follow(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """Log what the command says until it ends; returns its output and its last words."""
        printed: list[str] = []
        last = ""
        with process.stdout as out, process.stderr as err:
            reader = threading.Thread(target=lambda: printed.append(out.read()))
            reader.start()
            for line in err:
                self.log.info("%s", line.rstrip())
                last = line.strip() or last
            reader.join()
        process.wait()
        return printed[0], last


class StageOperator(LakehouseOperator):
    """One stage of a table, for the day the run is for.

    The last stage carries the table's asset as its outlet and says in the event which version is
    there now: downstream wakes on audited data only.

    Args:
        table: Table name.
        stage: assert-input, process or assert-output.
    """

    def __init__(self, *, table: str, stage: str, **kwargs: Any) -> None:
        super().__init__(arguments=("stage", table, stage), **kwargs)
        self.table = table
        self.stage = stage

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the stage and publish what it found to those who listen."""
        from lake_alerts import warn  # noqa: PLC0415  # which imports this module
        from lakehouse.catalog.status import Status  # noqa: PLC0415  # parsing loads no lakehouse

        day = day_of(context)
        if not context["dag_run"].partition_key:
            _note(context, f"for {day}")
        if context["params"].get("dry_run"):
            self.run_lakehouse("plan", self.table, "--day", day)
            raise AirflowSkipException("dry run: the log shows what a run would do")
        options = ["--day", day, "--run-id", context["run_id"], "--json"]
        if context["params"].get("full_refresh"):
            options.append("--full-refresh")
        outcome = dict(self.run_lakehouse(*self.arguments, *options))
        if outcome["outcome"] == Status.SPARE:  # downstream sleeps on: no event
            raise AirflowSkipException("no files of this domain ever arrived")
        warnings = _told(outcome)
        if warnings:
            _note(context, warnings)
            warn(context, f"{self.table}: a check warns", warnings)
        for asset in self.outlets:
            self._announce(context, asset, day, outcome)
        return outcome

    @staticmethod
    def _announce(context: Context, asset: Asset, day: str, outcome: dict[str, Any]) -> None:
        event = context["outlet_events"][asset]
        event.extra = {
            "version": outcome["version"],
            "as_of": outcome["as_of"],
            "rows": outcome["rows"],
        }
        if not context["dag_run"].partition_key:
            # Triggered without a key: listeners only hear events that have one.
            event.add_partitions(day)


def day_of(context: Context) -> str:
    """The day a run is for: its partition key, the day of its form, or its logical date.

    The form says `yesterday` unless somebody writes a day: that is the logical date of a run which
    has one, and of others the day before they were asked for (UTC).

    Raises:
        FormError: What was typed is not a day.
    """
    run, typed = context["dag_run"], context["params"].get("date")
    if typed == YESTERDAY:
        typed = None
    found = run.partition_key or typed or run.logical_date or run.run_after - timedelta(days=1)
    text = found if isinstance(found, str) else found.astimezone(UTC).date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise FormError(f"{text!r} is not a day; write YYYY-MM-DD or {YESTERDAY}") from None


def _reason(printed: str) -> str:
    """Why a stage failed, with what its gates found, from what it printed; empty if it did not."""
    outcome = _parsed(printed)
    if not isinstance(outcome, dict) or not outcome.get("error"):
        return ""
    return "\n".join(filter(None, [outcome["error"], _told(outcome)]))


def _told(outcome: dict[str, Any]) -> str:
    """The checks that failed: number, limit, file, rows and the next command of each."""
    return "\n".join(finding["text"] for finding in outcome.get("findings") or ())


def _note(context: Context, text: str) -> None:
    """Add to the note of a run, which its page and the list of runs show."""
    from lake_reconcile import AirflowApi  # noqa: PLC0415  # which imports this module

    try:
        with AirflowApi.from_connection() as api:
            api.add_note(context["dag_run"].dag_id, context["run_id"], text)
    except Exception as error:  # noqa: BLE001  # no note is no reason to fail; the log says it all
        logging.getLogger(__name__).info("the run has no note: %s", error)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text.strip() or None


def _die_with_parent() -> None:
    """Have the kernel kill the command when the task's process dies without a chance to."""
    with contextlib.suppress(OSError, AttributeError):  # Linux only
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_group(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
            return
