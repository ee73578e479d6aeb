"""The lake's own PostgreSQL: made once, reused, and gone when it is told to go."""

from __future__ import annotations

import os
import stat

import psutil
import psycopg
import pytest

from conftest import call_main
from lakehouse.errors import ConfigError
from lakehouse.serving import database, embedded
from lakehouse.serving.ddl import READER
from lakehouse.serving.embedded import WRITER, Embedded
from lakehouse.settings import load_settings


def postmaster(server):
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def test_a_second_start_finds_the_first(server):
    pid = postmaster(server)
    assert server.up() is False
    assert postmaster(server) == pid


def test_it_listens_on_loopback_alone_and_never_as_root(server):
    process = psutil.Process(postmaster(server))
    listening = {c.laddr.ip for c in process.net_connections() if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}
    assert process.username() != "root"


def test_passwords_are_for_their_owner_alone(server):
    path = server.home / "secrets.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_uid == os.geteuid()
    assert not list(server.home.glob("initial"))


def test_a_wrong_password_is_refused(server):
    url = server.url(READER)
    assert url
    password = url.split(":")[2].split("@")[0]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url.replace(password, "guess"))


def test_it_stops_without_a_trace_and_keeps_its_data(own_server):
    with psycopg.connect(own_server.url(WRITER), autocommit=True) as opened:
        opened.execute("CREATE TABLE kept AS SELECT 42 AS n")
    family = psutil.Process(postmaster(own_server)).children(recursive=True)
    assert own_server.down() is True
    assert not any(process.is_running() for process in family)
    assert own_server.url(WRITER) is None
    assert own_server.down() is False
    assert own_server.up() is True
    with psycopg.connect(own_server.url(WRITER), autocommit=True) as opened:
        assert opened.execute("SELECT n FROM kept").fetchone() == (42,)


@pytest.mark.parametrize("is_running", [False, True], ids=["stopped", "running"])
def test_a_making_that_died_is_made_again(server, is_running):
    half = Embedded(server.home.parent / f"half {is_running}", server.user)
    try:
        half.up()
        if not is_running:
            half.down()
        (half.home / "secrets.json").unlink()
        assert half.url(READER) is None
        assert half.up() is True
        with psycopg.connect(half.url(READER)) as opened:
            assert opened.execute("SELECT current_user").fetchone() == (READER,)
    finally:
        half.down()


def test_without_binaries_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(embedded, "_DEBIAN", tmp_path)
    with pytest.raises(ConfigError, match="apt-get install postgresql"):
        embedded.find_binaries()


def test_a_lake_that_nobody_else_may_enter_keeps_its_database_elsewhere(monkeypatch, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    found = Embedded.of(load_settings(root=str(closed / "data")))
    assert found.user in {"postgres", "nobody"}
    assert tmp_path not in found.home.parents


def test_a_named_database_wins_and_needs_a_name_for_its_reader():
    named = load_settings(postgres_url="postgresql://w@h/d")
    assert database.url(named, "writer") == "postgresql://w@h/d"
    with pytest.raises(ConfigError, match="LAKEHOUSE_POSTGRES_READER_URL"):
        database.url(named, "reader")


def test_where_no_database_serves_publish_says_how_to_get_one(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(tmp_path))
    from lakehouse.settings import current_settings  # noqa: PLC0415  # cached for the process

    current_settings.cache_clear()
    try:
        assert call_main(monkeypatch, "publish") == 78
        assert "lakehouse database up" in capsys.readouterr().err
        assert call_main(monkeypatch, "publish", "--if-any") == 0
        assert call_main(monkeypatch, "publish", "bronze.conversions") == 78
    finally:
        current_settings.cache_clear()
