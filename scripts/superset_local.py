"""A real Superset on this machine with the dashboards of this repository: up, import, down, status.

Everything it keeps is in `<root>/.superset`: the metadata database (SQLite, unless
SUPERSET_METADATA_URL names another), logs, the generated login (readable by its owner alone) and
the process id. It listens on loopback, and reads the marts as the read-only role of the database
that `lakehouse database url --role reader` names, or that SUPERSET_LAKEHOUSE_URL names instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

from lakehouse.engines.ports import LOOPBACK, is_taken
from lakehouse.settings import load_settings
from local_processes import PROJECT, Place, StartError, say
from secret_files import kept_secrets, superset_secrets, write_private

ASSETS = PROJECT / "spark/dashboards"
"""The dashboards of this repository; SUPERSET_ASSETS names other ones."""
BIN = PROJECT / ".venv-superset/bin"
LOCK = PROJECT / "requirements-superset.lock"
USER = "admin"
START_SECONDS = 180
REQUEST_SECONDS = 120
THREADS = 8


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("command", choices=["up", "down", "import", "status"])
    command = parser.parse_args().command
    place = prepared_place()
    return {"up": up, "down": down, "import": import_, "status": status}[command](place)


def prepared_place() -> Place:
    """The folder with its secrets, made when missing, and the environment of every process."""
    settings = load_settings()
    root = str(PROJECT / "data") if settings.is_remote else settings.root_uri
    home = Path(os.environ.get("SUPERSET_HOME") or Path(root) / ".superset")
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)  # the metadata holds the reader's password, encrypted
    secrets = kept_secrets(home / "secrets.json", superset_secrets)
    write_private(home / "passwords.json", json.dumps({USER: secrets["password"]}))
    env = {
        "SUPERSET_HOME": str(home),
        "SUPERSET_CONFIG_PATH": str(ASSETS / "superset_config.py"),
        "SUPERSET_SECRET_KEY": secrets["key"],
        "FLASK_APP": "superset.app:create_app()",
        "TZ": "UTC",
    }
    # Only what is meant for it: our own PYTHONPATH would put our packages before its own.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return Place(home, int(os.environ.get("SUPERSET_PORT", "8088")), kept | env)


def up(place: Place) -> int:
    """Start Superset, bring its dashboards up to date, say where it is."""
    try:
        if place.servers.are_alive():
            _import(place)
            return status(place)
        place.servers.stop()  # forgets ids that an earlier boot left
        if is_taken(place.port):
            say(f"port {place.port} is taken; set SUPERSET_PORT to a free one")
            return 78
        started = time.monotonic()
        _prepare(place)
        _import(place)
        say("==> starting Superset")
        place.servers.start({"superset": _serve(place)})
        waiting = {"Superset": lambda: _healthy(place)}
        place.servers.wait(waiting, seconds=START_SECONDS)
    except StartError as error:
        say(f"{error}; the logs are in {place.home}")
        place.servers.stop()
        return 75
    say(f"==> ready after {time.monotonic() - started:.0f} s")
    return status(place)


def import_(place: Place) -> int:
    """Bring the dashboards up to date with the repository."""
    try:
        _prepare(place)
        _import(place)
    except StartError as error:
        say(f"{error}; the logs are in {place.home}")
        return 75
    return 0


def down(place: Place) -> int:
    """Stop what `up` started, every process of it."""
    say("Superset is stopped" if place.servers.stop() else "Superset was not running")
    return 0


def status(place: Place) -> int:
    """Print where Superset is and how to log in."""
    if not place.servers.are_alive():
        say("Superset is not running; `make dashboards` starts it")
        return 75
    password = json.loads((place.home / "passwords.json").read_text())[USER]
    say(f"Dashboards  {place.url}/dashboard/list/   login {USER} / {password}")
    say(f"Logs        {place.home}    `make dashboards-stop` stops everything")
    return 0


def _prepare(place: Place) -> None:
    """Make or migrate the metadata database and the roles, once for every locked version."""
    stamp = place.home / "prepared.lock"
    locked = LOCK.read_text()
    if stamp.exists() and stamp.read_text() == locked:
        return
    say("==> preparing Superset's metadata (about a minute, once)")
    superset = str(BIN / "superset")
    place.servers.run("migrate", [superset, "db", "upgrade"])
    place.servers.run("init", [superset, "init"])
    stamp.write_text(locked)


def _import(place: Place) -> None:
    say("==> importing the dashboards")
    told = {
        "SUPERSET_LAKEHOUSE_URL": _reader_url(),
        "SUPERSET_LOGIN": USER,
        "SUPERSET_PASSWORD": json.loads((place.home / "passwords.json").read_text())[USER],
    }
    script = str(PROJECT / "scripts/superset_assets.py")
    assets = place.env.get("SUPERSET_ASSETS", str(ASSETS))
    place.servers.run("import", [str(BIN / "python"), script, assets], told)
    lines = (place.home / "import.log").read_text().splitlines()
    say(lines[-1] if lines else "")


def _reader_url() -> str:
    """URL of the marts for the read-only role; holds its password.

    Raises:
        StartError: The database is not there.
    """
    if url := os.environ.get("SUPERSET_LAKEHOUSE_URL"):
        return url
    done = subprocess.run(  # noqa: S603  # our own command
        [str(Path(sys.executable).parent / "lakehouse"), "database", "url", "--role", "reader"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StartError(f"no serving database: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def _serve(place: Place) -> list[str]:
    return [
        str(BIN / "gunicorn"),
        f"--bind={LOOPBACK}:{place.port}",
        "--workers=1",  # the metadata is SQLite, which has one writer
        "--worker-class=gthread",
        f"--threads={THREADS}",
        f"--timeout={REQUEST_SECONDS}",
        "--graceful-timeout=5",
        "superset.app:create_app()",
    ]


def _healthy(place: Place) -> bool:
    with suppress(OSError), urlopen(f"{place.url}/health", timeout=5) as answer:  # noqa: S310  # ours
        return bool(answer.read() == b"OK")
    return False


if __name__ == "__main__":
    sys.exit(main())
