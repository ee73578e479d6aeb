"""This house's transforms on another engine: Sail, in Rust, which speaks Spark Connect.

    python sail.py ingest enrich engagement performance sessions --raw RAW --home HOME

What `lakehouse.tables` and `lakehouse.transforms` declare, composed as the engine composes it for a
full rebuild: no gates, no Delta commits, no bookkeeping; each table is a folder of Parquet files.
It tells what the code costs elsewhere, and what another engine cannot run (`not_run`). A server of
its own is started from the environment that BENCHMARK_VENV names, unless `--server` names one.

Sail 0.7.2 runs the performance marts, but wrongly: its percentile ignores the frequencies, and its
weekday of a Sunday is -1. Only a comparison of the tables shows that.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a script: its folder stands there

from benchmarks.workloads import WORKLOADS
from lakehouse.catalog.registry import registry
from lakehouse.engine.write import conform
from lakehouse.engines.ports import LOOPBACK, free_port, is_taken
from lakehouse.errors import TableDefinitionError
from lakehouse.spec import Run, Scd2
from lakehouse.transforms.dedupe import FATE, LOADED, with_fates
from lakehouse.transforms.parse import header_names
from lakehouse.transforms.scd2 import intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import DataFrame

    from lakehouse.catalog.registry import Entry
    from lakehouse.spec import Source, Table

START_SECONDS = 60


@dataclass
class Lake:
    """Tables below a folder, and those that this engine could not make."""

    spark: SparkSession
    raw: Path
    home: Path
    not_run: dict[str, str] = field(default_factory=dict)

    def make(self, name: str) -> None:
        """Make a table anew, or say why it is not made."""
        entry = registry()[name]
        shutil.rmtree(self.home / name, ignore_errors=True)
        try:
            rows = self._ingested(entry) if entry.table.source else self._derived(entry)
            rows = conform(rows, entry.table)
            rows.write.mode("overwrite").parquet(str(self.home / name))
        except (PySparkException, TableDefinitionError, FileNotFoundError) as error:
            # What a failed write leaves behind is no table.
            shutil.rmtree(self.home / name, ignore_errors=True)
            self.not_run[name] = first_line(error)
            sys.stderr.write(f"{name}: not run: {self.not_run[name]}\n")

    def read(self, table: Table) -> DataFrame:
        """A table made before.

        Raises:
            FileNotFoundError: It was not.
        """
        folder = self.home / table.name
        if not folder.is_dir():
            message = f"needs {table.name}, which is not there"
            raise FileNotFoundError(message)
        return self.spark.read.parquet(str(folder))

    def _derived(self, entry: Entry) -> DataFrame:
        """As `engine.derive` does when nothing was published."""
        table, run = entry.table, self._run(entry.table)
        first, *others = (self.read(each) for each in table.upstream)
        fated = with_fates(first, dedupe=table.dedupe, cutoff=table.cutoff, as_of=run.as_of)
        counted = fated.filter(F.col(FATE) == LOADED).drop(FATE)
        rows = entry.transform(counted, *others, run)
        return intervals(rows, table.write) if isinstance(table.write, Scd2) else rows

    def _ingested(self, entry: Entry) -> DataFrame:
        """As `engine.ingest` does with new files; rejected lines are dropped, not kept aside."""
        source = cast("Source", entry.table.source)
        groups = [
            plainly_typed(self.spark.read.text([str(file) for file in files]), header, source)
            for header, files in landed(self.raw, source.name).items()
        ]
        lines = reduce(lambda a, b: a.unionByName(b), groups).distinct()
        transform = STAND_INS.get(entry.table.name, entry.transform)
        return transform(lines, self._run(entry.table))

    def _run(self, table: Table) -> Run:
        now = datetime.now(UTC)
        return Run("sail", self._newest(table) or now.date(), now)

    def _newest(self, table: Table) -> date | None:
        if table.as_of is None:
            return None
        row = self.read(table.as_of.table).agg(F.max(table.as_of.column)).first()
        return row[0] if row else None


def landed(raw: Path, source: str) -> dict[str, list[Path]]:
    """CSV files of a source by their header line."""
    groups: dict[str, list[Path]] = {}
    for file in (raw / f"{source}.csv", *sorted((raw / source).rglob("*.csv"))):
        if file.is_file():
            with file.open(encoding="utf-8") as text:
                groups.setdefault(text.readline().rstrip("\r\n"), []).append(file)
    return groups


def plainly_typed(text: DataFrame, header: str, source: Source) -> DataFrame:
    """The distinct lines that are rows, typed; bad ones are dropped.

    Not by `transforms/parse.py`: Sail's from_csv, and its CSV reader in every mode, fail the query
    at the first line with too many or too few cells, and its array_except refuses `_extra`. So a
    line with a quote is no row here. Nor does Sail tell which file a row came from.
    """
    names = header_names(header)
    values = F.split("value", ",", -1)
    rows = text.filter(F.col("value") != header).select(values.alias("cells"))
    texts = [
        F.nullif(F.trim(F.get("cells", F.lit(names.index(f.name)))), F.lit(""))
        for f in source.fields
    ]
    found = rows.filter(F.size("cells") == len(names)).select(
        *(cell.alias(each.name) for cell, each in zip(texts, source.fields, strict=True))
    )
    is_good = F.lit(True)
    for each in source.fields:
        is_told = F.col(each.name).try_cast(each.type).isNotNull()
        may_lack = not (each.required or each.optional)
        is_good &= (is_told | F.col(each.name).isNull()) if may_lack else is_told
    typed = found.filter(is_good).select(
        *(F.col(each.name).try_cast(each.type).alias(each.name) for each in source.fields)
    )
    for rule in source.rules:
        typed = typed.filter(F.coalesce(F.expr(rule.predicate), F.lit(True)))
    nobody = F.lit(None).cast("string")
    content = F.struct(*(each.name for each in source.fields))
    identity = F.md5(F.to_json(content, {"ignoreNullFields": "false"}))
    technical = {"_row_id": identity, "_source_file": nobody, "_extra": nobody}
    return typed.withColumns(technical)


def all_tell_their_time(landed: DataFrame, run: Run) -> DataFrame:
    """bronze.user_metadata of records with `updated_at`, as all of the benchmark's have it.

    The house's transform looks for a day in the file's path by a regular expression with a look
    behind, which Rust's has not, and try_to_date, which Sail has not.
    """
    told = landed.filter(F.col("updated_at").isNotNull())
    undated = F.lit(None).cast("date")
    return told.withColumns({"file_date": undated, "ingestion_timestamp": F.lit(run.started_at)})


STAND_INS: dict[str, Callable[..., DataFrame]] = {"bronze.user_metadata": all_tell_their_time}


def first_line(error: Exception) -> str:
    """What went wrong, in one line."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


@contextmanager
def server(home: Path, memory: str) -> Iterator[str]:
    """A server of our own on a free port; its address.

    Raises:
        SystemExit: It does not start.
    """
    port = free_port()
    scratch = home / ".spilled"
    scratch.mkdir(parents=True, exist_ok=True)
    settings = {
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "greedy",
        "SAIL_RUNTIME__MEMORY_POOL__GREEDY__MAX_SIZE": memory.lower().rstrip("gb") + "0" * 9,
        "SAIL_RUNTIME__TEMPORARY_FILES__PATHS": json.dumps([str(scratch)]),
    }
    command = [f"{os.environ['BENCHMARK_VENV']}/bin/sail", "spark", "server", "--port", str(port)]
    with (home / "sail.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # the environment is the caller's
            command,
            env=os.environ | settings,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a process group of its own: stopped as a whole
        )
    try:
        wait_until_it_listens(process, port)
        yield f"sc://{LOOPBACK}:{port}"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # it holds nothing worth a farewell
            process.wait()


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    """Return when a new server answers.

    Raises:
        SystemExit: It ended, or is not there in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if is_taken(port):
            return
        time.sleep(0.05)
    raise SystemExit("Sail does not start: see sail.log in the home folder")


def run(remote: str, given: argparse.Namespace) -> dict[str, float | dict[str, str]]:
    """Seconds by workload, and the tables that were not made."""
    began = time.perf_counter()
    spark = SparkSession.builder.remote(remote).getOrCreate()
    try:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        told: dict[str, float | dict[str, str]] = {"session_s": since(began)}
        lake = Lake(spark, given.raw, given.home)
        tables = {each.name: each.tables for each in WORKLOADS}
        for workload in given.workloads:
            began = time.perf_counter()
            for table in tables[workload]:
                lake.make(table)
            told[workload] = since(began)
        return told | {"not_run": lake.not_run}
    finally:
        spark.stop()


def since(began: float) -> float:
    """Seconds until now."""
    return round(time.perf_counter() - began, 3)


def main() -> None:
    """Run workloads, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)

    def folder(text: str) -> Path:
        return Path(text).resolve()

    parser.add_argument("workloads", nargs="+", choices=[each.name for each in WORKLOADS])
    parser.add_argument("--raw", type=folder, required=True, help="landing folder")
    parser.add_argument("--home", type=folder, required=True, help="folder of the tables")
    parser.add_argument("--server", help="a running server: sc://host:port")
    parser.add_argument("--memory", default="3g", help="of a server started here")
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    # Told to end, it stops its server first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    registry()  # imported before the clock runs
    if given.server:
        told = run(given.server, given)
    else:
        began = time.perf_counter()
        with server(given.home, given.memory) as remote:
            took = since(began)
            told = {"server_s": took, **run(remote, given)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
