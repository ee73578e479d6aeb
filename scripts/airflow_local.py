"""A real Airflow on this machine, with the shared engine if Spark computes: up, down, init, status.

Everything it keeps is in `<root>/.airflow`: the metadata database (SQLite, unless
AIRFLOW__DATABASE__SQL_ALCHEMY_CONN names a Postgres), logs, the generated login (readable by its
owner alone) and the process ids. Both servers listen on loopback.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx

from lakehouse.engines.ports import CONNECT_PORT, LOOPBACK, engine_address, is_here, is_taken
from lakehouse.settings import Settings, load_settings
from local_processes import PROJECT, Place, StartError, say
from secret_files import airflow_secrets, kept_secrets, write_private

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
    keys = kept_secrets(home / "secrets.json", airflow_secrets)
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
    if _uses_shared_engine(settings):
        defaults["LAKEHOUSE_SPARK_REMOTE"] = remote
    return Place(home, port, defaults | dict(os.environ) | path)


def up(place: Place) -> int:
    """Start the engine and Airflow, wait until both answer, say where they are."""
    if place.servers.are_alive():
        return _restart_ended(place)
    place.servers.stop()  # forgets ids that an earlier boot left
    started = time.monotonic()
    remote = place.env.get("LAKEHOUSE_SPARK_REMOTE", "")
    commands = dict(COMPONENTS)
    host, engine_port = engine_address(remote)
    if remote and is_here(host):
        commands["engine"] = ENGINE
    for port in [place.port, *([engine_port] if "engine" in commands else [])]:
        if is_taken(port):
            say(f"port {port} is taken; set AIRFLOW__API__PORT or LAKEHOUSE_SPARK_REMOTE")
            return 78
    say(f"==> starting Airflow{' and the shared engine' * ('engine' in commands)} (about a minute)")
    try:
        place.servers.start({name: commands[name] for name in ("engine",) if name in commands})
        _migrate(place)
        place.servers.start(COMPONENTS)
        waiting = {"Airflow": lambda: _healthy(place)}
        if "engine" in commands:
            waiting["the engine"] = lambda: _engine_answers(place)
        place.servers.wait(waiting, seconds=START_SECONDS)
    except StartError as error:
        say(f"{error}; the logs are in {place.home}")
        down(place)
        return 75
    say(f"==> ready after {time.monotonic() - started:.0f} s")
    return status(place)


def _restart_ended(place: Place) -> int:
    """Start again what has ended of a running Airflow, and wait until all of it answers."""
    ended = place.servers.ended()
    if not ended and _healthy(place):
        return status(place)
    known = {**COMPONENTS, "engine": ENGINE}
    waiting = {"Airflow": lambda: _healthy(place)}
    if ended:
        say(f"==> restarting {', '.join(ended)}, which had stopped")
    if "engine" in ended:
        waiting["the engine"] = lambda: _engine_answers(place)
    try:
        place.servers.start({name: known[name] for name in ended})
        place.servers.wait(waiting, seconds=START_SECONDS)
    except StartError as error:
        say(f"{error}; the logs are in {place.home}; `make airflow-stop`, then `make airflow`")
        return 75
    return status(place)


def down(place: Place) -> int:
    """Stop what `up` started, every process of it."""
    was_running = place.servers.stop()
    say("Airflow is stopped" if was_running else "Airflow was not running")
    return 0


def init(place: Place) -> int:
    """Create or migrate the metadata database."""
    _migrate(place)
    say(f"the metadata database is ready, see {place.home}")
    return 0


def status(place: Place) -> int:
    """Print where Airflow is and how to log in."""
    if not place.servers.are_alive():
        say("Airflow is not running; `make airflow` starts it")
        return 75
    if ended := place.servers.ended():
        say(f"{', '.join(ended)} stopped, see the log in {place.home}; `make airflow` restarts it")
        return 75
    password = json.loads((place.home / "passwords.json").read_text())[USER]
    say(f"Airflow   {place.url}   login {USER} / {password}")
    say(f"Engine    {place.env.get('LAKEHOUSE_SPARK_REMOTE', 'one per task')}")
    say(f"Logs      {place.home}    `make airflow-stop` stops everything")
    return 0


def _migrate(place: Place) -> None:
    place.servers.run("migrate", [str(BIN / "airflow"), "db", "migrate"])


def _uses_shared_engine(settings: Settings) -> bool:
    # With a cluster each task is its own driver there; locally they share one warm Spark. DuckDB
    # runs in each task.
    return settings.engine == "spark" and settings.spark_master.startswith("local")


def _healthy(place: Place) -> bool:
    with suppress(httpx.HTTPError, ValueError):
        parts = httpx.get(f"{place.url}/api/v2/monitor/health", timeout=5).json()
        needed = ("metadatabase", "scheduler", "dag_processor")
        return all(parts[part]["status"] == "healthy" for part in needed)
    return False


def _engine_answers(place: Place) -> bool:
    log = place.home / "engine.log"
    return log.exists() and "the engine answers" in log.read_text(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
