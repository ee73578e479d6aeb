"""Settings, Java and jars: what is wrong is named, with what mends it."""

from __future__ import annotations

import stat
import subprocess

import pytest

from lakehouse.engines.doctor import diagnose
from lakehouse.engines.spark import java, session
from lakehouse.engines.spark.jars import jar_paths
from lakehouse.errors import ConfigError
from lakehouse.settings import load_settings


def test_a_wrong_setting_names_its_variable(monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_PARALLELISM", "many")
    with pytest.raises(ConfigError) as raised:
        load_settings()
    assert "LAKEHOUSE_PARALLELISM" in str(raised.value)
    assert raised.value.exit_code == 78


def test_the_environment_wins_over_dotenv_and_that_over_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_settings(env="prod").lock_timeout_s == 600
    (tmp_path / ".env").write_text("LAKEHOUSE_LOCK_TIMEOUT_S=5\nLAKEHOUSE_ENV=prod\n")
    assert load_settings().lock_timeout_s == 5
    assert load_settings().env == "prod"
    monkeypatch.setenv("LAKEHOUSE_LOCK_TIMEOUT_S", "1")
    assert load_settings().lock_timeout_s == 1


def test_tables_live_below_the_root(tmp_path):
    settings = load_settings(root=str(tmp_path))
    assert settings.table_uri("silver.user_dim") == f"{tmp_path}/silver/user_dim"
    assert settings.raw_uri == f"{tmp_path}/raw"
    remote = load_settings(root="s3a://bucket/lake/")
    assert remote.table_uri("gold.x") == "s3a://bucket/lake/gold/x"
    assert remote.is_remote


def fake_java(folder, text):
    binary = folder / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\necho '{text}' >&2\n")
    binary.chmod(binary.stat().st_mode | stat.S_IEXEC)
    return folder


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_302"', 8),
        ("no such thing", None),
    ],
    ids=["17", "8", "none"],
)
def test_a_java_tells_its_version(tmp_path, text, version):
    assert java.java_version(fake_java(tmp_path, text) / "bin" / "java") == version


def test_an_old_java_is_named_with_what_to_install(tmp_path, monkeypatch):
    home = fake_java(tmp_path / "jdk8", 'java version "1.8.0_302"')
    monkeypatch.setattr(java, "_candidates", lambda: [home / "bin" / "java"])
    java.java_environment.cache_clear()
    with pytest.raises(ConfigError) as raised:
        java.java_environment()
    java.java_environment.cache_clear()
    assert "Java 8" in str(raised.value)
    assert "install Java 17" in str(raised.value)


def test_missing_jars_are_named_with_the_command_that_brings_them(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_JARS_DIR", str(tmp_path))
    with pytest.raises(ConfigError) as raised:
        jar_paths()
    assert "lakehouse jars" in str(raised.value)


def test_spark_settings_of_the_user_win():
    conf = session.spark_conf(load_settings(spark_conf="spark.ui.enabled=true; spark.x = 1"))
    assert conf["spark.ui.enabled"] == "true"
    assert conf["spark.x"] == "1"
    assert conf["spark.sql.session.timeZone"] == "UTC"


@pytest.mark.parametrize(
    ("bytes_there", "settings", "small"),
    [
        ({}, {}, True),
        ({"raw/events.jsonl": 60, "silver/t/part.parquet": 39}, {}, True),
        ({"raw/events.jsonl": 60, "silver/t/part.parquet": 41}, {}, False),
        ({"raw/events.jsonl": 60, "../landing/b.csv": 41}, {"raw": "landing"}, False),
        ({}, {"raw": "s3a://bucket/raw"}, False),
        ({}, {"spark_master": "spark://host:7077"}, False),
    ],
)
def test_little_data_gets_an_engine_that_compiles_less(
    tmp_path, monkeypatch, bytes_there, settings, small
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "SMALL_BYTES", 99)
    for name, size in bytes_there.items():
        (tmp_path / "lake" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "lake" / name).write_bytes(b"x" * size)
    assert session._is_small(load_settings(root="lake", **settings)) is small


@pytest.mark.parametrize(
    ("size", "given", "partitions"),
    [
        (79, "", "8"),
        (99, "", "9"),
        (10_000, "", "256"),
        (10_000, "spark.sql.shuffle.partitions=12", "12"),
    ],
)
def test_a_lake_of_many_bytes_is_shuffled_in_more_partitions(
    tmp_path, monkeypatch, size, given, partitions
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "PARTITION_BYTES", 11)
    (tmp_path / "lake/raw").mkdir(parents=True)
    (tmp_path / "lake/raw/events.jsonl").write_bytes(b"x" * size)
    conf = session.spark_conf(load_settings(root="lake", spark_conf=given))
    assert conf["spark.sql.shuffle.partitions"] == partitions


def test_a_spark_setting_without_a_value_is_refused():
    with pytest.raises(ConfigError):
        session.spark_conf(load_settings(spark_conf="spark.ui.enabled"))


def test_the_doctor_finds_this_machine_fit_and_an_unwritable_lake_not(tmp_path, monkeypatch):
    fit = {row["check"]: row["state"] for row in diagnose(load_settings(root=str(tmp_path)))}
    assert fit["java"] == fit["jars"] == fit["python"] == "ok"
    assert fit["landing files"] == "warn"
    monkeypatch.setattr("os.access", lambda *_: False)
    rows = {row["check"]: row for row in diagnose(load_settings(root=str(tmp_path)))}
    assert rows["lake is writable"]["state"] == "bad"
    assert rows["lake is writable"]["fix"]


def test_the_packaged_java_starts_with_the_option_that_spark_always_passes():
    option = "--add-modules=jdk.incubator.vector"
    done = subprocess.run(
        [java.packaged_java(), option, "-version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert java.java_version(java.packaged_java()) == 21
