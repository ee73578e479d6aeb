"""`lakehouse health` and `lakehouse settings`: what they print, and how they end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner

from lakehouse.cli import app
from lakehouse.errors import EXIT_RETRY
from lakehouse.settings import CONF_DIR, Settings, current_settings, load_settings
from lakehouse.streaming.pulse import Pulse

TOPIC = "topic_web_events"


@pytest.fixture
def lakehouse(tmp_path, monkeypatch):
    """The command, in a folder and an environment of its own: exit code and what it printed."""
    for name in list(__import__("os").environ):
        if name.startswith("LAKEHOUSE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    monkeypatch.setenv("LAKEHOUSE_ENGINE", "duckdb")

    def run(*arguments):
        current_settings.cache_clear()
        done = CliRunner().invoke(app, arguments)
        return done.exit_code, done.output

    yield run
    current_settings.cache_clear()


def test_health_ends_with_75_only_where_a_check_fails(lakehouse):
    code, out = lakehouse("health", "--json")
    assert (code, json.loads(out)["status"]) == (0, "unknown")
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    Pulse(load_settings(), TOPIC).beat(long_ago, fine_at=long_ago)
    code, out = lakehouse("health", "--json")
    lag = json.loads(out)["checks"][0]
    assert (code, lag["name"], lag["state"]) == (EXIT_RETRY, "consumer_lag", "failing")
    assert "no stream has looked at it for 1:00:0" in lag["text"]
    now = datetime.now(UTC)
    Pulse(load_settings(), TOPIC).beat(now, fine_at=now)
    assert lakehouse("health")[0] == 0


def by_name(out):
    return {row["name"].removeprefix("LAKEHOUSE_"): row for row in json.loads(out)}


def test_settings_tell_where_each_came_from(lakehouse, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_ENV", "prod")
    monkeypatch.setenv("LAKEHOUSE_PARALLELISM", "3")
    Path(".env").write_text("LAKEHOUSE_PARALLELISM=5\nlakehouse_driver_memory=1g\n")
    code, out = lakehouse("settings", "--json")
    rows = by_name(out)
    assert code == 0
    told = {name: (rows[name]["value"], rows[name]["source"]) for name in rows}
    assert told["PARALLELISM"] == (3, "environment")
    assert told["DRIVER_MEMORY"] == ("1g", ".env")
    assert told["HEALTH_INTERVAL_S"] == (30, "conf/prod.env")
    assert told["WEEK_STARTS_ON"] == ("monday", "default")
    assert rows.keys() == {name.upper() for name in Settings.model_fields}
    changed = by_name(lakehouse("settings", "--json", "--changed")[1])
    assert {row["source"] for row in changed.values()} == {"environment", ".env", "conf/prod.env"}
    assert changed.keys() < rows.keys()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("POSTGRES_URL", "postgresql://me:hush-1@db/x", "***"),
        ("ALERT_URLS", "slack://hush-2", "***"),
        ("KAFKA_PASSWORD", "", ""),
        ("SPARK_CONF", "a.b=1;fs.s3a.secret.key=hush-3;c=2", "a.b=1;fs.s3a.secret.key=***;c=2"),
        ("API_OIDC_JWKS", "https://me:hush-4@id.example.org/k", "https://***@id.example.org/k"),
    ],
)
def test_secrets_are_masked(lakehouse, monkeypatch, name, value, shown):
    monkeypatch.setenv(f"LAKEHOUSE_{name}", value)
    _, out = lakehouse("settings", "--json")
    assert by_name(out)[name]["value"] == shown
    assert "hush" not in out
    assert "hush" not in lakehouse("settings")[1]


@pytest.mark.parametrize("env", ["dev", "staging", "prod"])
def test_each_environment_covers_api_cache_kafka_and_health(env, tmp_path, monkeypatch):
    file = CONF_DIR / f"{env}.env"
    names = {name.removeprefix("LAKEHOUSE_").lower() for name in dotenv_values(file)}
    assert names <= Settings.model_fields.keys(), "a name that no setting has is never read"
    for group in ("api_", "kafka_", "health_"):
        assert any(name.startswith(group) for name in names), group
    assert "LAKEHOUSE_CACHE_URL" in file.read_text()
    monkeypatch.chdir(tmp_path)
    assert load_settings(env=env).health_interval_s == (30 if env == "prod" else 60)
