"""Finding what events have missed, and starting it: jobs follow from the lake's state, not events.

Two things go wrong in an event-driven schedule. An event gets lost: an input has a new version and
nobody wakes. Or a day is repaired on one branch only: a table that needs several inputs has heard
of that day from one of them, and waits for ever for the others.

The decisions are pure functions of a `Situation`; `ReconcileOperator` looks and acts.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import httpx
from airflow.sdk import Connection

from lake_operators import LakehouseOperator
from lake_timetable import wake_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.sdk import Context

MANIFEST = Path(__file__).resolve().parents[1] / "manifest.json"
CONNECTION = "airflow_api"
LONGEST_NOTE = 1_000
"""Characters that Airflow keeps."""
GRACE = timedelta(seconds=float(os.environ.get("LAKEHOUSE_RECONCILE_GRACE_S", "120")))
"""The event of a younger version may still arrive."""


@dataclass(frozen=True)
class Waiting:
    """A day of a table that some of its inputs have not delivered.

    Attributes:
        table: The table that waits.
        day: Partition key.
        since: When the first input delivered.
        missing: Inputs that have not.
        wake_id: Asset that makes this table run a day, whatever is missing.
    """

    table: str
    day: str
    since: datetime
    missing: tuple[str, ...]
    wake_id: int = 0


@dataclass(frozen=True)
class Situation:
    """What a reconciliation looks at.

    Attributes:
        now: The time, UTC.
        upstream: Everything upstream of each table.
        published_at: When the published version of each table was published.
        plan: What `lakehouse plan` says of each table.
        failed: Why the latest run of a table ran, where that run failed.
        active: Tables with a queued or running run.
        waiting: Days that wait for inputs.
        unfinished: (table, day) whose latest run did not succeed, or has only just.
    """

    now: datetime
    upstream: dict[str, set[str]]
    published_at: dict[str, datetime]
    plan: list[dict[str, Any]]
    failed: dict[str, str] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    waiting: tuple[Waiting, ...] = ()
    unfinished: set[tuple[str, str]] = field(default_factory=set)


def to_release(situation: Situation) -> list[Waiting]:
    """Days that would wait for ever: no missing input will deliver them by itself.

    An input will not when it has published data, and nothing is running or waiting that could
    still deliver the day. An input whose run for the day is red stops what is downstream of it.
    """
    stuck = {(each.table, each.day) for each in situation.waiting}

    def still_comes(table: str, day: str) -> bool:
        return (
            table not in situation.published_at
            or bool({table, *situation.upstream[table]} & situation.active)
            or (table, day) in stuck | situation.unfinished
        )

    return [
        each
        for each in situation.waiting
        if situation.now - each.since >= GRACE
        and not any(still_comes(table, each.day) for table in each.missing)
    ]


def to_start(situation: Situation, released: Iterable[Waiting] = ()) -> list[str]:
    """Tables whose inputs moved on without them, upstream first.

    A table whose latest run failed in the very same situation is left to a person.
    """
    woken = {each.table for each in released}
    return [
        step["table"]
        for step in situation.plan
        if step["action"] == "run"
        and not step["reason"].startswith("after ")
        and situation.failed.get(step["table"]) != step["reason"]
        and not {step["table"], *situation.upstream[step["table"]]} & (situation.active | woken)
        and all(
            situation.now - situation.published_at[up] >= GRACE
            for up in situation.upstream[step["table"]]
            if up in situation.published_at
        )
    ]


class AirflowApi:
    """The few calls of Airflow's REST API that are needed; a context manager."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=30)
        self._login = {"username": user, "password": password}

    @classmethod
    def from_connection(cls) -> AirflowApi:
        """Log in as the Airflow connection `airflow_api` says."""
        known = Connection.get(CONNECTION)
        url = f"{known.conn_type or 'http'}://{known.host}:{known.port}"
        return cls(url, known.login or "", known.password or "")

    def __enter__(self) -> Self:
        token = self._call("POST", "/auth/token", json=self._login)["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def active_dags(self) -> set[str]:
        """DAGs with a queued or running run."""
        query = {"state": ["queued", "running"], "limit": 1000}
        found = self._call("GET", "/api/v2/dags/~/dagRuns", params=query)
        return {run["dag_id"] for run in found["dag_runs"]}

    def is_settled(self, dag_id: str, key: str, now: datetime) -> bool:
        """Whether the latest run of a DAG for a partition key, if any, succeeded a while ago."""
        query = {"order_by": "-run_after", "limit": 1000}
        runs = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=query)["dag_runs"]
        latest = next((run for run in runs if run["partition_key"] == key), None)
        if latest is None:
            return True
        ended = latest["end_date"] and datetime.fromisoformat(latest["end_date"])
        return latest["state"] == "success" and now - ended >= GRACE

    def waiting(self) -> list[dict[str, Any]]:
        """Partitions that lack an event, with the assets they have heard of or not."""
        query = {"has_created_dag_run_id": False}
        found = self._call("GET", "/ui/partitioned_dag_runs", params=query)["partitioned_dag_runs"]
        details = []
        for each in found:
            key = {"partition_key": each["partition_key"]}
            with suppress(LookupError):  # it has got its run meanwhile
                path = f"/ui/pending_partitioned_dag_run/{each['dag_id']}"
                details.append(self._call("GET", path, params=key))
        return details

    def trigger(self, dag_id: str, key: str, note: str) -> None:
        """Start a DAG for a partition key."""
        body = {"logical_date": None, "partition_key": key, "note": note}
        self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)

    def add_note(self, dag_id: str, run_id: str, text: str) -> None:
        """Put lines before those of the note of a run: its page shows the first one only.

        The last ones go where there is no room for all.
        """
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
        told = self._call("GET", path).get("note") or ""
        if text not in told:
            note = "\n".join(filter(None, [text, told]))[:LONGEST_NOTE]
            self._call("PATCH", path, json={"note": note}, params={"update_mask": "note"})

    def announce(self, asset_id: int, key: str, extra: dict[str, Any]) -> None:
        """Make the event of an asset for a partition key."""
        body = {"asset_id": asset_id, "partition_key": key, "extra": extra}
        self._call("POST", "/api/v2/assets/events", json=body)

    def _call(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        answer = self._client.request(method, path, **kwargs)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise LookupError(f"{method} {path}: {answer.text[:200]}")
        answer.raise_for_status()
        if "json" not in answer.headers["content-type"]:
            # An unknown path is answered with the web page.
            raise TypeError(f"{method} {path}: no JSON; is this another version of Airflow?")
        return dict(answer.json())


class ReconcileOperator(LakehouseOperator):
    """Starts runs whose event was lost, and completes days that would wait for ever."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(arguments=(), **kwargs)

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002  # Airflow's signature
        """Look, decide, act, and say what was done."""
        day = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        dag_ids, upstream = graph(json.loads(MANIFEST.read_text(encoding="utf-8")))
        with AirflowApi.from_connection() as airflow:
            found = self._look(airflow, dag_ids, upstream, day)
            released = to_release(found)
            started = to_start(found, released)
            for each in released:
                missing = ", ".join(each.missing)
                self.log.info("%s: %s waits in vain for %s", each.table, each.day, missing)
                airflow.announce(each.wake_id, each.day, {"missing": missing})
            for table in started:
                self.log.info("%s: its inputs moved on without it, starting it for %s", table, day)
                airflow.trigger(
                    dag_ids[table], day, "started by reconcile: an asset event was lost"
                )
        if not released and not started:
            self.log.info("nothing to do: no event was lost")
        return {"released": [[each.table, each.day] for each in released], "started": started}

    def _look(
        self,
        airflow: AirflowApi,
        dag_ids: dict[str, str],
        upstream: dict[str, set[str]],
        day: str,
    ) -> Situation:
        now = datetime.now(UTC)
        tables = {dag_id: table for table, dag_id in dag_ids.items()}
        pending = tuple(_waiting(each, tables) for each in airflow.waiting())
        missing = {(table, each.day) for each in pending for table in each.missing}
        return Situation(
            now=now,
            upstream=upstream,
            published_at={
                row["table"]: datetime.fromisoformat(row["published_at"])
                for row in self.run_lakehouse("tables", "--json")
                if row["published_at"]
            },
            plan=self.run_lakehouse("plan", "--day", day, "--json"),
            failed=_failures(self.run_lakehouse("runs", "-n", "500", "--json")),
            active={tables[dag_id] for dag_id in airflow.active_dags() if dag_id in tables},
            waiting=pending,
            unfinished={
                (table, key)
                for table, key in missing
                if not airflow.is_settled(dag_ids[table], key, now)
            },
        )


def graph(manifest: dict[str, Any]) -> tuple[dict[str, str], dict[str, set[str]]]:
    """DAG ids, and everything upstream of each table; the manifest stands upstream first."""
    dag_ids = {table["name"]: table["dag_id"] for table in manifest["tables"]}
    upstream: dict[str, set[str]] = {}
    for table in manifest["tables"]:
        direct = {each["name"] for each in table["inputs"] if each["kind"] == "table"}
        upstream[table["name"]] = direct.union(*(upstream[name] for name in direct))
    return dag_ids, upstream


def _waiting(detail: dict[str, Any], tables: dict[str, str]) -> Waiting:
    table = tables[detail["dag_id"]]
    unheard = {a["asset_name"]: a["asset_id"] for a in detail["assets"] if not a["received"]}
    wake_id = unheard.pop(wake_name(table), 0)
    return Waiting(
        table=table,
        day=detail["partition_key"],
        since=datetime.fromisoformat(detail["created_at"]),
        missing=tuple(sorted(unheard)),
        wake_id=wake_id,
    )


def _failures(runs: list[dict[str, Any]]) -> dict[str, str]:
    """Reason of each table's latest run where it failed; runs stand newest first."""
    from lakehouse.catalog.status import Status  # noqa: PLC0415  # parsing loads no lakehouse

    latest: dict[str, dict[str, Any]] = {}
    for run in runs:
        latest.setdefault(run["table_name"], run)
    return {name: run["reason"] for name, run in latest.items() if run["outcome"] == Status.FAILED}
