"""A real Airflow with a lake of its own, driven as a person would: commands, REST, files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from deltalake import DeltaTable

from conftest import PROJECT
from lakehouse.catalog.registry import registry
from lakehouse.engines.ports import free_port

BIN = Path(sys.executable).parent
SOURCES = ("feature_releases", "user_signups", "feature_usage_events", "conversions")
BRONZE = tuple(f"bronze_{source}" for source in SOURCES)
SILVER = ("silver_feature_states", "silver_user_dim", "silver_feature_usage_facts")
GOLD = ("gold_feature_conversion_impact", "gold_feature_conversion_lift")
MAY_BE_EMPTY = {entry.table.name for entry in registry() if entry.table.may_be_empty}
TECHNICAL = {"_row_id", "_source_file", "_extra", "ingestion_timestamp"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
FIRST = "2026-01-05"
"""The day that is landed before anything starts."""
PATIENCE = 900
ENDED = {"success", "failed"}


def drop(day: str) -> dict[str, list[dict[str, Any]]]:
    """A day's landing rows of every source; users and features recur from day to day."""
    users = [f"u-{day}-{n}" for n in range(4)]
    common = {"signup_date": day, "company_size": "11-50", "industry": "software"}
    return {
        "feature_releases": [
            {"feature_id": f, "feature_name": f, "release_date": day, "version": f"1.{day[-2:]}"}
            for f in ("collab", "search")
        ],
        "user_signups": [{"user_id": u, "email": f"{u}@example.org", **common} for u in users],
        "feature_usage_events": [
            {
                "event_id": f"e-{u}-{n}",
                "user_id": u,
                "feature_id": ("collab", "search")[n % 2],
                "feature_name": ("collab", "search")[n % 2],
                "event_type": "use",
                "event_timestamp": f"{day}T1{n}:00:00Z",
            }
            for u in users
            for n in range(3)
        ],
        "conversions": [
            {"user_id": u, "conversion_date": day, "plan": "pro", "mrr": 49, "signup_date": day}
            for u in users[:2]
        ],
    }


def web_drop(day: str) -> dict[str, list[dict[str, Any]]]:
    """A day of the web: one visitor looks at three pages and buys, another leaves at once."""

    def event(number: int, who: str, kind: str, **told: Any) -> dict[str, Any]:
        return {
            "event_id": f"{day}-{number}",
            "event_type": kind,
            "timestamp": f"{day}T10:{number:02}:00Z",
            "anonymous_id": who,
            "properties": {"page_url": f"https://www.example.com/{told.pop('page', '')}", **told},
            "context": {"user_agent": FIREFOX, "ip": "10.1.2.3", "platform": "web"},
        }

    order = {"order_id": f"o-{day}", "total_amount": 30}
    return {
        "web_events": [
            *(event(n, "buyer", "page_view", page=p) for n, p in enumerate(("", "a", "checkout"))),
            event(3, "buyer", "purchase", currency="USD", transaction=order),
            event(4, "guest", "page_view"),
        ],
        "currency_rates": [{"currency": "USD", "rate_date": day, "rate": "0.9"}],
    }


@dataclass
class Site:
    """Where it is, and how to speak to it."""

    root: Path
    engine: str = "duckdb"
    port: int = field(default_factory=free_port)
    engine_port: int = field(default_factory=free_port)
    metadata: str = ""
    _client: httpx.Client | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "LAKEHOUSE"))}
        chosen = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.metadata} if self.metadata else {}
        if self.engine == "spark":
            chosen |= {
                "LAKEHOUSE_SPARK_REMOTE": f"sc://127.0.0.1:{self.engine_port}",
                "LAKEHOUSE_DRIVER_MEMORY": "1g",
            }
        return (
            kept
            | chosen
            | {
                "AIRFLOW__API__PORT": str(self.port),
                "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
                "LAKEHOUSE_ROOT": str(self.root),
                "LAKEHOUSE_ENGINE": self.engine,
                "LAKEHOUSE_RECONCILE_GRACE_S": "20",
                "LAKEHOUSE_ALERT_URLS": f"file://{self.root}/alerts.jsonl",
            }
        )

    def airflow_local(self, command: str) -> subprocess.CompletedProcess[str]:
        script = str(PROJECT / "scripts/airflow_local.py")
        return subprocess.run(
            [sys.executable, script, command],
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def lakehouse(self, *arguments: str) -> Any:
        """What a command prints as JSON, or its text."""
        done = subprocess.run(
            [str(BIN / "lakehouse"), *arguments],
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
            cwd=PROJECT,
        )
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    def password(self) -> str:
        return str(json.loads((self.root / ".airflow/passwords.json").read_text())["admin"])

    def api(self, method: str, path: str, body: object = None, **query: Any) -> dict[str, Any]:
        if self._client is None:
            self._client = httpx.Client(base_url=self.url, timeout=60)
            login = {"username": "admin", "password": self.password()}
            token = self._client.post("/auth/token", json=login).json()["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
        answer = self._client.request(method, path, json=body, params=query)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def land(self, day: str, *sources: str, rows: dict[str, Any] | None = None) -> None:
        for source in sources or SOURCES:
            path = self.root / "raw" / source / f"{day}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            lines = (rows or drop(day))[source]
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def trigger(self, dag_id: str, key: str | None = None, **conf: Any) -> str:
        """Trigger a table's DAG for a day."""
        body = {"logical_date": None, "partition_key": key, "conf": conf}
        return str(self.api("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def trigger_plain(self, dag_id: str) -> str:
        """Trigger a DAG that knows no days."""
        body = {"logical_date": None}
        return str(self.api("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs(self, dag_id: str = "~", key: str | None = None) -> list[dict[str, Any]]:
        """Runs, newest first."""
        path = f"/api/v2/dags/{dag_id}/dagRuns"
        found = self.api("GET", path, order_by="-run_after", limit=500)["dag_runs"]
        return [run for run in found if key in {None, run["partition_key"]}]

    def wait_for_run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        return self.wait(lambda: _ended(self.api("GET", path)), f"{dag_id} {run_id}")

    def wait_for_day(self, dag_id: str, key: str) -> dict[str, Any]:
        """The newest run of a DAG for a day, once it has ended."""
        return self.wait(
            lambda: next((_ended(run) for run in self.runs(dag_id, key)[:1]), None),
            f"{dag_id} for {key}",
        )

    def wait(self, look: Any, what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (found := look()):
            assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
            time.sleep(1)
        return found

    def settle(self) -> None:
        """Wait until nothing runs and nothing is about to."""
        quiet = 0
        deadline = time.monotonic() + PATIENCE
        while quiet < 5:
            active = self.api("GET", "/api/v2/dags/~/dagRuns", state=["queued", "running"])
            quiet = 0 if active["total_entries"] else quiet + 1
            assert time.monotonic() < deadline, active
            time.sleep(1)

    def wait_for_the_schedule(self) -> None:
        """Until every DAG has its first scheduled run behind it, and nothing is going on."""
        for dag_id in (*BRONZE, *SILVER, *GOLD):
            self.wait(lambda d=dag_id: [r for r in self.runs(d) if r["state"] == "success"], dag_id)
        self.settle()

    def assert_equal_to_a_plain_run(self, folder: Path, engine: str = "duckdb") -> None:
        """The tables hold what one `lakehouse run` on the same landing files makes of them."""
        shutil.copytree(self.root / "raw", folder / "plain/raw")
        plain = replace(self, root=folder / "plain", engine=engine)
        plain.lakehouse("run", "--json")
        expected = plain.content()
        assert self.content() == expected
        assert all(rows for table, rows in expected.items() if table not in MAY_BE_EMPTY)

    def log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """What the last attempt of a task wrote."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        attempt = self.api("GET", path)["try_number"]
        return json.dumps(self.api("GET", f"{path}/logs/{attempt}", full_content=True))

    def published(self) -> dict[str, dict[str, Any]]:
        """The tables that readers find; the other domain's never arrived here."""
        rows = self.lakehouse("tables", "--json")
        return {row["table"]: row for row in rows if row["version"] is not None}

    def content(self) -> dict[str, list[str]]:
        """Every published row of every table, without what differs from run to run."""
        found = {}
        for table, about in self.published().items():
            uri = self.root.joinpath(*table.split("."))
            rows = DeltaTable(uri, version=about["version"]).to_pyarrow_table().to_pylist()
            known = [{k: v for k, v in row.items() if k not in TECHNICAL} for row in rows]
            found[table] = sorted(json.dumps(row, sort_keys=True, default=str) for row in known)
        return found


def _ended(run: dict[str, Any]) -> dict[str, Any] | None:
    return run if run["state"] in ENDED else None
