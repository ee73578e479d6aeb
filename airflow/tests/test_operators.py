"""Exit codes, days, and the end of a command: with a real process in the place of `lakehouse`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import psutil
import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time.context import OutletEventAccessors

import lake_alerts
import lake_operators
from conftest import PLUGINS
from lake_operators import FormError, LakehouseOperator, StageOperator, day_of

PATIENCE = 60
OUTCOME = '{"version": 3, "as_of": "2026-01-02", "rows": 12, "outcome": "updated"}'
FINDING = {
    "severity": "warn",
    "text": "warning: silver.x at_most: 72 %, at most 50 %\n  next: lakehouse quarantine show x",
}
ASSET = Asset(name="silver.x", uri="delta://silver/x")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Puts a shell script in the place of `lakehouse`."""

    def install(script):
        path = tmp_path / "lakehouse"
        path.write_text(f"#!/bin/bash\n{textwrap.dedent(script)}\n")
        path.chmod(0o755)
        monkeypatch.setattr(lake_operators, "COMMAND", str(path))
        return path

    return install


def context(key=None, logical_date=None, **params):
    run = SimpleNamespace(
        dag_id="silver_x",
        partition_key=key,
        logical_date=logical_date,
        run_after=datetime(2026, 1, 20, 0, 30, tzinfo=UTC),
    )
    return {
        "dag_run": run,
        "run_id": "manual__1",
        "params": {"date": "yesterday", "full_refresh": False, "dry_run": False} | params,
        "outlet_events": OutletEventAccessors(),
    }


def stage(**kwargs):
    return StageOperator(task_id="t", table="silver.x", stage="assert-output", **kwargs)


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_table_of_a_domain_nobody_feeds_is_skipped_and_wakes_nobody(command):
    command("""echo '{"table": "silver.x", "outcome": "spare"}'""")
    told = context("2026-01-02")
    with pytest.raises(AirflowSkipException):
        stage(outlets=[ASSET]).execute(told)
    assert not told["outlet_events"][ASSET].extra


def test_a_table_of_an_optional_source_that_never_arrived_wakes_those_who_go_on_without(command):
    command(
        """echo '{"table": "silver.x", "outcome": "absent", "version": null, "as_of": null, """
        """"rows": 0}'"""
    )
    told = context("2026-01-02")
    stage(outlets=[ASSET]).execute(told)
    assert told["outlet_events"][ASSET].extra == {"version": None, "as_of": None, "rows": 0}


@pytest.mark.parametrize(
    ("found", "day"),
    [
        (context("2026-01-02", datetime(2026, 1, 9, tzinfo=UTC), date="2026-01-05"), "2026-01-02"),
        (context(None, datetime(2026, 1, 9, tzinfo=UTC), date="2026-01-05"), "2026-01-05"),
        (context(None, datetime(2026, 1, 9, 23, tzinfo=UTC)), "2026-01-09"),
        (context(), "2026-01-19"),
    ],
    ids=["partition key", "date parameter", "logical date", "the day before it was asked for"],
)
def test_the_day_is_the_key_then_the_form_then_the_logical_date_then_yesterday(found, day):
    assert day_of(found) == day


@pytest.mark.parametrize("found", [context("soon"), context(date="2026-02-30")])
def test_a_run_for_no_day_fails_at_once_and_says_what_to_do(found):
    with pytest.raises(FormError, match="YYYY-MM-DD"):
        day_of(found)


def test_nobody_is_alerted_of_a_form_that_was_mistyped(command, tmp_path, monkeypatch):
    monkeypatch.setattr(lake_alerts, "COMMAND", str(command(f'echo "$@" >> {tmp_path}/alerts')))
    task = SimpleNamespace(dag_id="silver_x", task_id="process", log_url="http://log")
    mistyped = context(date="2026-02-30") | {"task_instance": task}
    lake_alerts.on_failure(mistyped | {"exception": FormError("no day")})
    assert not (tmp_path / "alerts").exists()
    lake_alerts.on_failure(context("2026-01-02") | {"task_instance": task, "exception": OSError()})
    assert "process failed for 2026-01-02" in (tmp_path / "alerts").read_text()


@pytest.fixture
def notes(monkeypatch):
    """Notes that runs were given."""
    found = []
    monkeypatch.setattr(lake_operators, "_note", lambda _, text: found.append(text))
    return found


WARNED = {"version": 3, "as_of": None, "rows": 12, "outcome": "updated", "findings": [FINDING]}


def test_warnings_stand_on_the_run_and_go_out_as_an_alert(command, tmp_path, monkeypatch, notes):
    script = f"echo '{json.dumps(WARNED)}'"
    alerts = f'[ "$1" = alert ] && echo "$@" > {tmp_path}/alert && exit\n{script}'
    # By name: a parse of the DAGs, in another test, may have loaded the plugins anew.
    monkeypatch.setattr("lake_alerts.COMMAND", str(command(alerts)))
    stage().execute(context("2026-01-02"))
    assert notes == [FINDING["text"]]
    said = (tmp_path / "alert").read_text()
    assert said.startswith("alert silver.x: a check warns --body For 2026-01-02.")
    assert "72 %, at most 50 %" in said
    assert "--severity warning" in said


def test_a_run_without_a_key_says_its_day(command, notes):
    command(f"echo '{OUTCOME}'")
    stage().execute(context())
    assert notes == ["for 2026-01-19"]
    stage().execute(context("2026-01-02"))
    assert len(notes) == 1, "the key says it"


def test_a_red_gate_fails_with_its_findings(command):
    red = {"error": "output gate is red", "findings": [FINDING]}
    command(f"echo '{json.dumps(red)}'; echo '  next: something' >&2; exit 65")
    with pytest.raises(AirflowFailException, match=r"(?s)red.*72 %, at most 50 %.*quarantine show"):
        stage().execute(context("2026-01-02"))


@pytest.mark.parametrize("code", [2, 65, 78])
def test_what_a_person_must_mend_is_not_retried(command, code):
    command(f"echo 'OutputQualityError: 3 rows' >&2; exit {code}")
    with pytest.raises(AirflowFailException, match="3 rows"):
        LakehouseOperator(task_id="t", arguments=["run"]).execute({})


@pytest.mark.parametrize("code", [70, 75, 137])
def test_everything_else_may_be_retried(command, code):
    command(f"echo 'LockedError: busy' >&2; exit {code}")
    with pytest.raises(AirflowException, match="busy") as raised:
        LakehouseOperator(task_id="t", arguments=["run"]).execute({})
    assert not isinstance(raised.value, AirflowFailException)


def test_the_stage_is_told_its_day_its_run_and_what_the_form_says(command, tmp_path):
    command(f"echo \"$@\" > {tmp_path}/said; echo '{OUTCOME}'")
    stage().execute(context("2026-01-02", full_refresh=True))
    said = (tmp_path / "said").read_text().split()
    assert said[:3] == ["stage", "silver.x", "assert-output"]
    assert said[3:] == ["--day", "2026-01-02", "--run-id", "manual__1", "--json", "--full-refresh"]


def test_the_event_says_which_version_is_there(command):
    command(f"echo '{OUTCOME}'")
    found = context("2026-01-02")
    stage(outlets=[ASSET]).execute(found)
    event = found["outlet_events"][ASSET]
    assert event.extra == {"version": 3, "as_of": "2026-01-02", "rows": 12}
    assert event.partition_keys == set()  # the run's own key


def test_a_run_without_a_key_gives_its_event_one(command):
    command(f"echo '{OUTCOME}'")
    found = context(date="2026-01-05")
    stage(outlets=[ASSET]).execute(found)
    assert found["outlet_events"][ASSET].partition_keys == {"2026-01-05"}


def test_a_dry_run_asks_for_the_plan_and_announces_nothing(command, tmp_path):
    command(f'echo "$@" > {tmp_path}/said')
    found = context("2026-01-02", dry_run=True)
    with pytest.raises(AirflowSkipException):
        stage(outlets=[ASSET]).execute(found)
    assert (tmp_path / "said").read_text().split() == ["plan", "silver.x", "--day", "2026-01-02"]
    assert not list(found["outlet_events"])


STUBBORN = """
    trap '' TERM
    bash -c "trap '' TERM; echo \\$\\$ > {pids}; while true; do sleep 0.1; done" &
    wait
"""


def test_a_killed_task_takes_all_its_processes_with_it(command, tmp_path, monkeypatch):
    monkeypatch.setattr(lake_operators, "GRACE_SECONDS", 1)
    pids = tmp_path / "pids"
    command(STUBBORN.format(pids=pids))
    operator = LakehouseOperator(task_id="t", arguments=["run"])
    failures = []

    def work():
        try:
            operator.execute({})
        except AirflowException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: pids.exists() and pids.read_text().strip())
    grandchild = psutil.Process(int(pids.read_text()))
    operator.on_kill()
    thread.join(PATIENCE)
    psutil.wait_procs([grandchild], timeout=PATIENCE)
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE
    assert len(failures) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_the_command_dies_with_a_task_that_was_killed_outright(command, tmp_path):
    pids = tmp_path / "pids"
    path = command(f"echo $$ > {pids}; exec sleep 600")
    code = (
        "import lake_operators; from lake_operators import LakehouseOperator\n"
        f"lake_operators.COMMAND = {str(path)!r}\n"
        "LakehouseOperator(task_id='t', arguments=['run']).execute({})"
    )
    task = subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(PLUGINS)}
    )
    try:
        wait_for(lambda: pids.exists() and pids.read_text().strip())
        child = psutil.Process(int(pids.read_text()))
        task.send_signal(signal.SIGKILL)
        task.wait(PATIENCE)
        psutil.wait_procs([child], timeout=PATIENCE)
        assert not child.is_running()
    finally:
        task.kill()
        task.wait()
