"""A Postgres in the place of SQLite for Airflow's metadata; a real one, from this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
from site_under_test import Site

from lakehouse.engines.ports import free_port

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(600)]


def binaries():
    """Folder of initdb and postgres: beside `pg_config`, or where Debian puts them."""
    candidates = [*Path("/usr/lib/postgresql").glob("*/bin")]
    if shutil.which("pg_config"):
        found = subprocess.run(
            ["pg_config", "--bindir"], capture_output=True, text=True, check=True
        )
        candidates.insert(0, Path(found.stdout.strip()))
    return next((each for each in candidates if (each / "initdb").exists()), None)


@pytest.fixture
def postgres():
    """An empty database; Postgres refuses to be run by root."""
    if (folder := binaries()) is None:
        pytest.skip("PostgreSQL is not here (Debian: apt-get install postgresql)")
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    data = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a short path, for its socket
    shutil.chown(data, user)
    port = free_port()
    initdb = [
        folder / "initdb",
        "--pgdata",
        data / "db",
        "--username",
        "airflow",
        "--auth",
        "trust",
    ]
    subprocess.run(initdb, user=user, cwd=data, check=True, capture_output=True)
    server = subprocess.Popen(
        [folder / "postgres", "-D", data / "db", "-k", data, "-p", str(port), "-h", "127.0.0.1"],
        user=user,
        cwd=data,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"airflow@127.0.0.1:{port}/postgres"
    try:
        Site(data).wait(lambda: connects(url), "Postgres")
        yield url
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(data, ignore_errors=True)


def connects(url):
    try:
        with psycopg.connect(f"postgresql://{url}"):
            return True
    except psycopg.OperationalError:
        return False


def test_the_metadata_may_be_in_postgres(postgres, tmp_path, monkeypatch):
    site = Site(tmp_path)
    site.metadata = f"postgresql+psycopg://{postgres}"
    done = site.airflow_local("init")
    assert done.returncode == 0, done.stdout + done.stderr
    with psycopg.connect(f"postgresql://{postgres}") as connection:
        (tables,) = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone()
    assert tables > 40
    assert not list((tmp_path / ".airflow").glob("*.db"))
