"""Commands that people wait for import no engine: what a process has loaded when it is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse.catalog.registry import registry
from lakehouse.io import ops
from lakehouse.io.state import State, StateStore
from lakehouse.settings import load_settings

PACKAGE_DIR = Path(__file__).resolve().parents[2]
USERS = "silver.user_dim"
PROBE = """
import sys
from pathlib import Path

told = Path(sys.argv.pop(1))
from lakehouse.cli import main

try:
    main()
finally:
    heavy = {"pyspark", "great_expectations", "pandas", "deltalake"}
    told.write_text(" ".join(sorted(heavy & set(sys.modules))))
"""


@dataclass
class Quick:
    """`lakehouse` in a process of its own, on a lake of one table that is up to date."""

    folder: Path

    def __call__(self, *arguments: str) -> tuple[set[str], str]:
        """Heavy packages that it loaded, and what it printed."""
        told = self.folder / "loaded"
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(told), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return set(told.read_text().split()), done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """Bytecode, and what is kept with it, goes to a folder of the test's own."""
        ours = ("LAKEHOUSE_", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        path = os.pathsep.join(filter(None, [str(PACKAGE_DIR), os.environ.get("PYTHONPATH")]))
        return kept | {
            "LAKEHOUSE_ROOT": str(self.folder / "lake"),
            "PYTHONPATH": path,
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
        }


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The command, after somebody used it once."""
    folder = tmp_path_factory.mktemp("quick")
    settings = load_settings(root=str(folder / "lake"))
    rows = pa.table({name: pa.array(["u1"]) for name in registry()[USERS].table.write.grain})
    write_deltalake(settings.table_uri(USERS), rows)
    states = StateStore(settings)
    inputs = {each.name: 0 for each in registry()[USERS].table.upstream}
    for name in (USERS, *inputs):
        code, consumed = registry()[name].code, inputs if name == USERS else {}
        at = {"version": 0, "head": 0, "run_id": "r", "token": 1}
        states.publish(State(table=name, code=code, inputs=consumed, **at))
    ops.append(settings, "runs", [{"run_id": "r", "table_name": USERS, "outcome": "updated"}])
    command = Quick(folder)
    assert command("tables")[0] == {"pyspark"}, "the modules are read where nothing is kept"
    return command


def test_help_loads_nothing(quick):
    loaded, out = quick("--help")
    assert "Usage" in out
    assert loaded == set()


def test_the_list_of_tables_loads_nothing(quick):
    loaded, out = quick("tables", "--json")
    versions = {row["table"]: row["version"] for row in json.loads(out)}
    assert versions.keys() == registry().entries.keys()
    assert versions[USERS] == 0
    assert loaded == set()


def test_the_check_of_contracts_loads_nothing(quick):
    loaded, out = quick("contracts", "check")
    assert "as declared" in out
    assert loaded == set()


def test_the_list_of_runs_loads_only_what_reads_them(quick):
    loaded, out = quick("runs", "--json")
    assert {row["table_name"] for row in json.loads(out)} == {USERS}
    assert loaded == {"deltalake", "pandas"}  # by which Arrow makes moments


@pytest.mark.parametrize("option", [(), ("--history",)], ids=["rows", "history"])
def test_rows_and_history_load_only_what_reads_them(quick, option):
    loaded, out = quick("show", USERS, "--json", *option)
    assert len(json.loads(out)) == 1
    assert loaded == {"deltalake", "pandas"}  # by which Arrow makes moments


def test_a_plan_with_nothing_to_do_loads_nothing(quick):
    loaded, out = quick("plan", USERS, "--json")
    assert [row["action"] for row in json.loads(out)] == ["skip"]
    assert loaded == set()


@pytest.mark.parametrize("engine", ["spark", "duckdb"])
def test_a_run_with_nothing_to_do_loads_only_what_writes_it_down(quick, engine):
    loaded, out = quick("run", USERS, "--engine", engine)
    assert "inputs unchanged" in out or "unchanged" in out
    assert loaded == {"deltalake"}
