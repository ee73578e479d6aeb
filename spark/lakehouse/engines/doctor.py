"""What the lakehouse needs from a machine, and the command that mends what is missing."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from lakehouse.catalog.policies import policies, undeclared
from lakehouse.catalog.registry import registry
from lakehouse.catalog.sources import sources
from lakehouse.engines import ports
from lakehouse.engines.choice import DUCKDB
from lakehouse.engines.spark.jars import DELTA, jar_paths, needed
from lakehouse.engines.spark.java import java_environment, java_version
from lakehouse.errors import ConfigError
from lakehouse.io import kafka
from lakehouse.io.damage import damage_of, damage_of_newest
from lakehouse.io.ops import SCHEMAS
from lakehouse.io.state import StateStore
from lakehouse.landing.files import listed, unclaimed

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakehouse.settings import Settings

GIB = 1 << 30
MIN_MEMORY_GIB, MIN_DISK_GIB = 4, 2
AIRFLOW_PORT = 8080
Finding = tuple[str, str, str]
OF_SPARK = {"java", "jars", "engine port"}


def diagnose(settings: Settings) -> list[dict[str, str]]:
    """One row a check: what, state (ok, warn, bad), found, fix."""
    checks: dict[str, Callable[[Settings], Finding]] = {
        "python": _python,
        "java": _java,
        "jars": _jars,
        "memory": _memory,
        "disk": _disk,
        "lake is writable": _writable,
        "landing files": _landing,
        "policies": _policies,
        "tables": _tables,
        "airflow port": _airflow_port,
        "engine port": _engine_port,
        "kafka": _kafka,
    }
    if settings.engine == DUCKDB:
        checks = {"python": _python, "engine": _duckdb} | {
            name: check for name, check in checks.items() if name not in OF_SPARK
        }
    rows = []
    for name, run in checks.items():
        state, found, fix = run(settings)
        rows.append({"check": name, "state": state, "found": found, "fix": fix})
    return rows


def _python(_: Settings) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return ("ok", found, "") if good else ("bad", found, "make setup PYTHON=python3.11")


def _java(_: Settings) -> Finding:
    try:
        home = java_environment()["JAVA_HOME"]
    except ConfigError as error:
        return "bad", "none", str(error)
    return "ok", f"Java {java_version(Path(home) / 'bin' / 'java')} in {home}", ""


def _jars(settings: Settings) -> Finding:
    coordinates = needed(settings.root_uri, settings.raw_uri)
    try:
        return "ok", f"{len(jar_paths(coordinates))} jars", ""
    except ConfigError as error:
        return "bad", str(error), f"lakehouse jars{' --s3' if coordinates != DELTA else ''}"


def _duckdb(_: Settings) -> Finding:
    versions = [f"{name} {version(name)}" for name in ("duckdb", "sqlframe", "deltalake")]
    return "ok", ", ".join(versions), ""


def _memory(_: Settings) -> Finding:
    free = psutil.virtual_memory().available / GIB
    state = "ok" if free >= MIN_MEMORY_GIB else "warn"
    fix = "" if state == "ok" else "export LAKEHOUSE_DRIVER_MEMORY=1g"
    return state, f"{free:.1f} GiB available", fix


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _disk(settings: Settings) -> Finding:
    if settings.is_remote:
        return "ok", settings.root_uri, ""
    free = shutil.disk_usage(_existing(Path(settings.root_uri))).free / GIB
    state = "ok" if free >= MIN_DISK_GIB else "bad"
    return state, f"{free:.1f} GiB free", "" if state == "ok" else "make clean"


def _writable(settings: Settings) -> Finding:
    if settings.is_remote:
        return "ok", "object store: checked at the first write", ""
    folder = _existing(Path(settings.root_uri))
    if os.access(folder, os.W_OK):
        return "ok", str(folder), ""
    return "bad", f"{folder} is not writable", f"chown $USER {folder}"


def _landing(settings: Settings) -> Finding:
    raw = Path(settings.raw_uri)
    if "://" in settings.raw_uri or (raw.is_dir() and any(raw.iterdir())):
        try:
            strangers = unclaimed(settings.raw_uri, sources(registry(), settings))
        except ConfigError as error:
            return "bad", str(error), f"edit {settings.sources_uri}"
        if strangers:
            names = ", ".join(sorted(registry().sources))
            fix = f"rename, move or map them (`lakehouse map guess FILE`); the sources are {names}"
            return "warn", f"names match no source: {listed(strangers)}", fix
        return "ok", settings.raw_uri, ""
    return "warn", f"{raw} is empty", "make generate-data"


def _policies(settings: Settings) -> Finding:
    kinds = {kind for entry in registry() for kind in entry.table.policies}
    try:
        policies(kinds, settings)
    except ConfigError as error:
        return "bad", str(error), "edit the file"
    if missing := undeclared(kinds, settings):
        fix = "copy data/reference from the repository, or set LAKEHOUSE_REFERENCE"
        return "warn", missing, fix
    return "ok", settings.reference_uri, ""


def _tables(settings: Settings) -> Finding:
    """Every file of every published version, of quarantines and of the lake's own tables."""
    states = StateStore(settings)
    found = {}
    n_tables = 0
    for entry in registry():
        name, uri = entry.table.name, settings.table_uri(entry.table.name)
        if (state := states.published(name)) is not None:
            n_tables += 1
            found[name] = damage_of(uri, state, whole=True)
        if entry.table.source:
            rejects = f"quarantine.{entry.table.noun}"
            found[rejects] = damage_of_newest(settings.table_uri(rejects), whole=True)
    for name in SCHEMAS:
        found[f"ops.{name}"] = damage_of_newest(settings.table_uri(f"ops.{name}"), whole=True)
    damaged = {name: words for name, words in found.items() if words}
    if not damaged:
        return "ok", f"{n_tables} published, all their files are readable", ""
    told = "; ".join(f"{name}: {words}" for name, words in damaged.items())
    return "bad", told, "; ".join(f"lakehouse repair {name}" for name in damaged)


def _airflow_port(_: Settings) -> Finding:
    chosen = os.environ.get("AIRFLOW__API__PORT", "")
    port = int(chosen) if chosen.isdigit() else AIRFLOW_PORT
    if not ports.is_taken(port):
        return "ok", f"{port} is free", ""
    if ports.is_airflow(port):
        return "ok", f"Airflow is running on {port}", ""
    fix = f"export AIRFLOW__API__PORT={ports.next_free(port)}"
    return "warn", f"something else listens on {port}", fix


def _engine_port(settings: Settings) -> Finding:
    # Only host and port are shown: the rest of the URL may hold a token.
    host, port = ports.engine_address(settings.spark_remote)
    is_here = ports.is_here(host)
    if not ports.is_taken(port, host):
        if is_here:
            return "ok", f"{port} is free", ""
        return "warn", f"nothing answers on {host}:{port}", "unset LAKEHOUSE_SPARK_REMOTE"
    if not is_here or ports.is_engine(port):
        return "ok", f"an engine is running on {host}:{port}", ""
    fix = f"export LAKEHOUSE_SPARK_REMOTE=sc://{ports.LOOPBACK}:{ports.next_free(port)}"
    return "warn", f"something else listens on {port}", fix


def _kafka(settings: Settings) -> Finding:
    """Nobody is asked: whether the named brokers answer is told by `lakehouse kafka topics`."""
    if kafka.find(settings) is None:
        return "ok", "no broker of this lake runs; topics need one (`lakehouse kafka up`)", ""
    try:
        config = kafka.client_config(settings)
    except ConfigError as error:
        return "bad", str(error), "set it, or unset LAKEHOUSE_KAFKA_BOOTSTRAP"
    return "ok", str(config["bootstrap.servers"]), ""
