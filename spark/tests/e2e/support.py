"""What the end-to-end tests share: a small lake, counts made by plain Python, the command line."""

from __future__ import annotations

import gzip
import inspect
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conftest import (
    FAST_JVM,
    TECHNICAL,
    LakeDriver,
    call_main,
    conversion,
    event,
    interaction,
    metadata,
    release,
    signup,
)
from lakehouse import cli
from lakehouse.catalog import views
from lakehouse.catalog.registry import registry
from lakehouse.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import SparkSession

    from lakehouse.engine.outcome import Outcome
    from lakehouse.io.state import Account

PACKAGE_DIR = Path(__file__).resolve().parents[2]
GROWTH = tuple(entry.table.name for entry in registry() if entry.table.domain == "growth")
"""Tables of the domain that the tests of machinery run on; the laws run on all."""


# ------------------------------------------------------------------------------ lakes


def new_lake(root: Path, spark: SparkSession | None = None, **settings: Any) -> LakeDriver:
    """An empty lake in a folder."""
    (root / "raw").mkdir(parents=True, exist_ok=True)
    chosen = load_settings(root=str(root), spark_master="local[2]", **settings)
    return LakeDriver(chosen, registry(), spark)


def copy_lake(lake: LakeDriver, root: Path) -> LakeDriver:
    """The same lake in another folder: nothing in a lake knows its own path."""
    shutil.copytree(lake.settings.root_uri, root)
    return replace(lake, settings=lake.settings.model_copy(update={"root": str(root), "raw": ""}))


def land_small_data(lake: LakeDriver, drop: str = "1") -> None:
    """A drop for every source of growth: repeats, a late row, an unknown user, one reject each."""
    n = int(drop)
    users = [f"u{n}-{i}" for i in range(6)]
    releases = [
        release("collab", f"2026-01-{n:02}", f"{n}.0"),
        release("search", "2026-01-01", "1.0"),
        release("search", "2026-01-05", f"1.{n}", is_enabled=n % 2 == 0),
        release("old", "2026-01-01", is_deleted=n > 1),
        release("late", None),
    ]
    events = [
        event(f"e{n}-{user}-{i}", user, ("collab", "search")[i % 2], f"2026-01-1{i}T10:00:00Z")
        for user in users
        for i in range(3)
    ]
    events += [events[0], event(f"e{n}-x", "nobody", "nothing", "2026-01-12T00:00:00Z")]
    converted = [conversion(user, "2026-01-20", 10 * n + i) for i, user in enumerate(users[:3])]
    lake.land(f"feature_releases/{drop}.jsonl", releases)
    lake.land(f"user_signups/{drop}.jsonl", [*map(signup, users), signup(users[0]), "{broken"])
    lake.land(f"feature_usage_events/{drop}.jsonl", [*events, event("e", "u", "f", "yesterday")])
    lake.land(f"conversions/{drop}.json", [*converted, conversion(users[3], "2026-01-20", -1)])


def land_interactions(lake: LakeDriver, drop: str = "1") -> None:
    """The same for the sources of interactions."""
    n = int(drop)
    users = [f"u{n}-{i}" for i in range(6)]
    actions = [
        interaction(
            f"i{n}-{user}-{i}" if i else None, user, f"2026-01-1{i} 10:00:00", duration_ms=i
        )
        for user in [*users, "nobody"]
        for i in range(3)
    ]
    states = [
        metadata(user, f"2026-01-{day:02} 09:00:00", country=country)
        for user in users
        for day, country in ((1, "DE"), (n + 10, "FR"))
    ]
    lake.land(f"user_interactions/{drop}.jsonl", [*actions, actions[0], interaction("", "u", "")])
    lake.land(f"user_metadata/{drop}.jsonl", [*states, metadata("", None)])


def content(lake: LakeDriver) -> dict[str, list[dict[str, Any]]]:
    """Every published row and every quarantined row, without what differs from run to run."""
    due = lake.open().due(list(lake.registry.entries))
    tables = {name: lake.rows(name) for name in due}
    for name in (each for each in due if each.startswith("bronze.")):
        rejects = views.rejected(lake.registry[name].table, lake.settings, None)
        kept = ("source_file", "source_line", "reasons", "raw")
        tables[f"quarantine of {name}"] = [{key: row[key] for key in kept} for row in rejects]
    return {name: sorted(rows, key=repr) for name, rows in tables.items()}


def rejects(lake: LakeDriver, table: str) -> dict[tuple[str, int], tuple[list[str], bytes]]:
    """(file, line) → reasons and bytes of every quarantined row."""
    rows = views.rejected(lake.registry[table].table, lake.settings, None)
    return {(r["source_file"], r["source_line"]): (r["reasons"], r["raw"]) for r in rows}


@dataclass(frozen=True)
class Snapshot:
    """What a reader of a table saw."""

    table: str
    version: int
    rows: list[dict[str, Any]]

    @classmethod
    def of(cls, lake: LakeDriver, table: str) -> Snapshot:
        return cls(table, lake.version(table), lake.rows(table))

    def assert_still_published(self, lake: LakeDriver) -> None:
        """Readers see the same version with the same rows."""
        assert Snapshot.of(lake, self.table) == self

    def assert_still_readable(self, lake: LakeDriver) -> None:
        """The version may be an old one now; its rows are what they were."""
        spec = lake.registry[self.table].table
        rows = views.peek(spec, lake.settings, views.Wanted(n=1_000_000, version=self.version))
        names = [c.name for c in spec.stored_columns if c.name not in TECHNICAL]
        assert [{name: row[name] for name in names} for row in rows] == self.rows


# ---------------------------------------------------------------- counts without an engine


def count_landed(path: Path) -> int:
    """Rows of a landing file as plain Python sees them: neither blank lines nor a CSV header."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.lstrip()[:1] == b"[":
        return len(json.loads(data))
    lines = [line for line in data.splitlines() if line.strip(b" \t\r\n")]
    return max(0, len(lines) - 1) if ".csv" in path.suffixes else len(lines)


def assert_accounted(account: Account, *landed: Path) -> None:
    """Law 3: every landed row has exactly one fate."""
    assert account.balanced, account
    assert account.rows_in == sum(map(count_landed, landed)), account


# ----------------------------------------------------------------------- the command line


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Command:
    """`lakehouse` in this process, on a lake's engine: what `main` does, without 10 s of start."""

    lake: LakeDriver
    monkeypatch: Any
    capsys: Any

    def __call__(self, *arguments: str) -> Done:
        ours = {"open_lake": self.lake.open, "current_settings": lambda: self.lake.settings}
        for module in filter(inspect.ismodule, vars(cli).values()):
            for name in ours.keys() & vars(module).keys():
                self.monkeypatch.setattr(module, name, ours[name])
        self.capsys.readouterr()
        code = call_main(self.monkeypatch, *arguments)
        return Done(code, *self.capsys.readouterr())


def environment(lake: LakeDriver, **settings: object) -> dict[str, str]:
    """The environment of a `lakehouse` process on a lake."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("LAKEHOUSE_")}
    chosen = {
        "engine": lake.settings.engine,
        "root": lake.settings.root,
        "raw": lake.settings.raw,
        "spark_master": "local[2]",
        "driver_memory": "1g",
        "spark_conf": FAST_JVM,
    } | settings
    ours = {f"LAKEHOUSE_{key.upper()}": str(value) for key, value in chosen.items()}
    path = os.pathsep.join(filter(None, [str(PACKAGE_DIR), os.environ.get("PYTHONPATH")]))
    return kept | ours | {"PYTHONPATH": path, "TZ": "UTC"}


def command_line(*arguments: str) -> list[str]:
    """`lakehouse` as a process."""
    return [sys.executable, "-m", "lakehouse", *arguments]


def lakehouse(lake: LakeDriver, *arguments: str, timeout: float = 240, **settings: object) -> Done:
    """Run `lakehouse` in a process of its own."""
    result = subprocess.run(
        command_line(*arguments),
        env=environment(lake, **settings),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Done(result.returncode, result.stdout, result.stderr)


def failure(outcomes: dict[str, Outcome], table: str) -> Exception:
    """The error of a table that failed."""
    outcome = outcomes[table]
    assert outcome.outcome == "failed", outcome
    assert outcome.error is not None
    return outcome.error


@contextmanager
def removed(path: Path) -> Iterator[None]:
    """Take a file away afterwards."""
    try:
        yield
    finally:
        path.unlink()


def says(text: str, parts: Sequence[str]) -> bool:
    """Whether every part stands in the text, wherever lines break."""
    flat = " ".join(text.split())
    return all(part in flat for part in parts)
