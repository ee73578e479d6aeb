"""A real Airflow on this machine, with the shared engine: up, down, init, status.

Everything it keeps is in `<root>/.airflow`: the metadata database (SQLite, unless
AIRFLOW__DATABASE__SQL_ALCHEMY_CONN names a Postgres), logs, the generated login (readable by its
owner alone) and the process ids. Both servers listen on loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

from lakehouse.engine.ports import CONNECT_PORT, LOOPBACK, engine_address, is_here, is_taken
from lakehouse.settings import load_settings
from secret_files import airflow_secrets, write_private

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
USER = "admin"
# Not `airflow standalone`: it ignores SIGTERM, and its log servers listen on every interface.
# The API server reads the logs of this machine from their files.
COMPONENTS = {
    "api-server": [str(BIN / "airflow"), "api-server"],
    "scheduler": [str(BIN / "airflow"), "scheduler", "--skip-serve-logs"],
    "dag-processor": [str(BIN / "airflow"), "dag-processor"],
    "triggerer": [str(BIN / "airflow"), "triggerer", "--skip-serve-logs"],
}
ENGINE = [str(BIN / "lakehouse"), "engine", "start"]
START_SECONDS = 300
STOP_SECONDS = 30


class StartError(Exception):
    """Something did not start; says what, and where its log is."""


@dataclass(frozen=True)
class Place:
    """Where this Airflow lives and how its processes are told so."""

    home: Path
    port: int
    env: dict[str, str]

    @property
    def url(self) -> str:
        """Where people and the API find it."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def pids(self) -> Path:
        """The process groups that `up` started."""
        return self.home / "pids.json"


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("command", choices=["up", "down", "init", "status"])
    command = parser.parse_args().command
    place = prepared_place()
    return {"up": up, "down": down, "init": init, "status": status}[command](place)


def prepared_place() -> Place:
    """The folder with its secrets, made when missing, and the environment of every process."""
    settings = load_settings()
    root = str(PROJECT / "data") if settings.is_remote else settings.root_uri
    home = Path(os.environ.get("AIRFLOW_HOME") or Path(root) / ".airflow")
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)  # the database and the configuration hold secrets, too
    keys = _secrets(home)
    port = int(os.environ.get("AIRFLOW__API__PORT", "8080"))
    login = {USER: keys["password"]}
    write_private(home / "passwords.json", json.dumps(login))
    remote = settings.spark_remote or f"sc://{LOOPBACK}:{CONNECT_PORT}"
    defaults = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "airflow/dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "airflow/plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{LOOPBACK}:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": keys["session"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        # How the reconciler asks Airflow what it has missed.
        "AIRFLOW_CONN_AIRFLOW_API": f"http://{USER}:{keys['password']}@{LOOPBACK}:{port}",
        "LAKEHOUSE_ROOT": settings.root_uri,
        "LAKEHOUSE_RAW": settings.raw_uri,
    }
    metadata = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "")
    if metadata.startswith("postgresql"):  # Airflow's own guess needs another driver
        there = metadata.partition("://")[2]
        defaults["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"] = f"postgresql+psycopg://{there}"
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    if _uses_shared_engine(settings.spark_master):
        defaults["LAKEHOUSE_SPARK_REMOTE"] = remote
    return Place(home, port, defaults | dict(os.environ) | path)


def up(place: Place) -> int:
    """Start the engine and Airflow, wait until both answer, say where they are."""
    if _alive(place):
        return status(place)
    started = time.monotonic()
    remote = place.env.get("LAKEHOUSE_SPARK_REMOTE", "")
    commands = dict(COMPONENTS)
    host, engine_port = engine_address(remote)
    if remote and is_here(host):
        commands["engine"] = ENGINE
    for port in [place.port, *([engine_port] if "engine" in commands else [])]:
        if is_taken(port):
            _say(f"port {port} is taken; set AIRFLOW__API__PORT or LAKEHOUSE_SPARK_REMOTE")
            return 78
    _say("==> starting Airflow and the shared engine (about a minute)")
    engine = {"engine": _start(place, "engine", ENGINE)} if "engine" in commands else {}
    place.pids.write_text(json.dumps(engine))  # at once: an interrupted start can be stopped
    try:
        _migrate(place)
        groups = engine | {name: _start(place, name, COMPONENTS[name]) for name in COMPONENTS}
        place.pids.write_text(json.dumps(groups))
        _wait_until_ready(place, groups)
    except StartError as error:
        _say(f"{error}; the logs are in {place.home}")
        down(place)
        return 75
    _say(f"==> ready after {time.monotonic() - started:.0f} s")
    return status(place)


def down(place: Place) -> int:
    """Stop what `up` started, every process of it."""
    family = [each for group in _groups(place).values() for each in _members(group)]
    for group in _groups(place).values():
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGTERM)
    _, alive = psutil.wait_procs(family, timeout=STOP_SECONDS)
    for each in alive:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(alive, timeout=STOP_SECONDS)
    place.pids.unlink(missing_ok=True)
    _say("Airflow and the engine are stopped" if family else "nothing was running")
    return 0


def init(place: Place) -> int:
    """Make or migrate the metadata database."""
    _migrate(place)
    _say(f"the metadata database is ready, see {place.home}")
    return 0


def status(place: Place) -> int:
    """Print where Airflow is and how to log in."""
    if not _alive(place):
        _say("Airflow is not running; `make airflow` starts it")
        return 75
    password = json.loads((place.home / "passwords.json").read_text())[USER]
    _say(f"Airflow   {place.url}   login {USER} / {password}")
    _say(f"Engine    {place.env.get('LAKEHOUSE_SPARK_REMOTE', 'one per task')}")
    _say(f"Logs      {place.home}    `make airflow-stop` stops everything")
    return 0


def _migrate(place: Place) -> None:
    with (place.home / "migrate.log").open("wb") as log:
        done = subprocess.run(  # noqa: S603  # ours
            [str(BIN / "airflow"), "db", "migrate"],
            cwd=PROJECT,
            env=place.env,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise StartError(f"`airflow db migrate` exits with {done.returncode}")


def _uses_shared_engine(master: str) -> bool:
    # With a cluster each task is its own driver there; locally they share one warm engine.
    return master.startswith("local")


def _secrets(home: Path) -> dict[str, str]:
    path = home / "secrets.json"
    if not path.exists():
        write_private(path, json.dumps(airflow_secrets()))
    return dict(json.loads(path.read_text()))


def _start(place: Place, name: str, command: list[str]) -> int:
    with (place.home / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603  # our own commands
            command,
            cwd=PROJECT,
            env=place.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a process group of its own, so that all of it can be stopped
        )
    return process.pid


def _groups(place: Place) -> dict[str, int]:
    if not place.pids.exists():
        return {}
    return dict(json.loads(place.pids.read_text()))


def _members(group: int) -> list[psutil.Process]:
    """Every process of a group we started, and their descendants."""
    found = set()
    for each in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(each.pid) == group:
                found |= {each, *each.children(recursive=True)}
    return list(found)


def _alive(place: Place) -> bool:
    return any(_members(group) for group in _groups(place).values())


def _wait_until_ready(place: Place, groups: dict[str, int]) -> None:
    deadline = time.monotonic() + START_SECONDS
    waiting: dict[str, Callable[[], bool]] = {"Airflow": lambda: _healthy(place)}
    if "engine" in groups:
        waiting["the engine"] = lambda: _engine_answers(place)
    while waiting:
        for name, group in groups.items():
            if not _members(group):
                raise StartError(f"{name} ended, see {name}.log")
        for name in [name for name, ready in waiting.items() if ready()]:
            _say(f"    {name} answers")
            del waiting[name]
        if time.monotonic() > deadline:
            raise StartError(f"no answer after {START_SECONDS} s from {', '.join(waiting)}")
        time.sleep(1)


def _healthy(place: Place) -> bool:
    with suppress(httpx.HTTPError, ValueError):
        parts = httpx.get(f"{place.url}/api/v2/monitor/health", timeout=5).json()
        needed = ("metadatabase", "scheduler", "dag_processor")
        return all(parts[part]["status"] == "healthy" for part in needed)
    return False


def _engine_answers(place: Place) -> bool:
    log = place.home / "engine.log"
    return log.exists() and "the engine answers" in log.read_text(errors="replace")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
