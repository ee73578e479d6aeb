"""Wrong names, dates and settings, full disks and closed folders: what the user gets."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable, Field
from support import (
    Command,
    Done,
    Snapshot,
    command_line,
    copy_lake,
    environment,
    failure,
    lakehouse,
    land_small_data,
    new_lake,
    says,
)

from conftest import LakeDriver, call_main, signup
from lakehouse import settings
from lakehouse.errors import MigrationNeededError, SchemaMismatchError, StorageError
from lakehouse.io import ops

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

TABLE = "bronze.user_signups"
DATA, RETRY, CONFIG = 65, 75, 78


@pytest.fixture(scope="module")
def published(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> LakeDriver:
    """A lake with one published table; copied for every test."""
    lake = new_lake(tmp_path_factory.mktemp("published") / "lake", spark)
    land_small_data(lake)
    lake.run(TABLE)
    return lake


@pytest.fixture
def lake(published: LakeDriver, tmp_path: Path) -> LakeDriver:
    return copy_lake(published, tmp_path / "lake")


@pytest.fixture
def command(lake: LakeDriver, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Command:
    return Command(lake, monkeypatch, capsys)


@pytest.fixture
def more_signups(lake: LakeDriver) -> Path:
    """A second drop, so that a run has something to write."""
    return lake.land("user_signups/2.jsonl", [signup(f"more-{i:05}") for i in range(20_000)])


# --------------------------------------------------------------- names, dates, settings

WRONG_COMMANDS = {
    "a misspelt table": (["run", "gold.feature_conversion_impakt"], ["feature_conversion_impact"]),
    "a misspelt layer": (["plan", "slver"], ["slver", "silver"]),
    "a misspelt table to show": (["show", "bronze.user_signup"], [TABLE]),
    "a table to check": (["check", "silver.nothing"], ["silver.nothing", "lakehouse tables"]),
    "a table to verify": (["verify", "silver.user_dims"], ["silver.user_dim"]),
    "a stage's table": (["stage", "silver.user", "process"], ["silver.user_dim"]),
    "a stage": (["stage", TABLE, "publish"], ["publish", "assert-input", "assert-output"]),
    "a quarantine": (["quarantine", "replay", "silver.user_dim"], ["silver.user_dim", "bronze"]),
    "no date": (["run", "--as-of", "yesterday"], ["--as-of", "yesterday", "YYYY-MM-DD"]),
    "no day of the calendar": (["run", "--from", "2026-02-30", "--to", "2026-03-01"], ["--from"]),
    "an empty range": (["run", "--from", "2026-02-02", "--to", "2026-02-01"], ["--from", "swap"]),
    "a day before all days": (["run", "--as-of", "0001-01-01"], ["--as-of", "1970-01-01"]),
    "half a range": (["run", "--from", "2026-02-01"], ["--from", "--to"]),
    "a date and a range": (
        ["run", "--as-of", "2026-02-01", "--from", "2026-02-01", "--to", "2026-02-01"],
        ["--as-of", "--from"],
    ),
}


@pytest.mark.parametrize("case", WRONG_COMMANDS)
def test_a_wrong_argument_is_named_and_nothing_starts(lake, command, case):
    arguments, words = WRONG_COMMANDS[case]
    before = ops.read(lake.settings, "runs", "SELECT count(*) AS n FROM t WHERE error IS NULL")
    done = command(*arguments)
    assert done.code == CONFIG
    assert says(done.err, words)
    assert "Traceback" not in done.err
    after = ops.read(lake.settings, "runs", "SELECT count(*) AS n FROM t WHERE error IS NULL")
    assert after == before


@pytest.fixture
def _fresh_settings() -> Iterator[None]:
    settings.current_settings.cache_clear()
    yield
    settings.current_settings.cache_clear()


@pytest.mark.usefixtures("_fresh_settings")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAKEHOUSE_ENV", "production"),
        ("LAKEHOUSE_PARALLELISM", "many"),
        ("LAKEHOUSE_PARALLELISM", "0"),
        ("LAKEHOUSE_LOCK_TIMEOUT_S", "-1"),
        ("LAKEHOUSE_MAX_LINE_BYTES", "1"),
        *(("LAKEHOUSE_ROOT", f"/lakes/of{unfit}2026") for unfit in "[]^|\\"),
        ("LAKEHOUSE_ROOT", "/lakes/of%202026"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(monkeypatch, capsys, name, value):
    monkeypatch.setenv(name, value)
    assert call_main(monkeypatch, "tables") == CONFIG
    assert says(capsys.readouterr().err, [name, value])


def test_a_lake_may_be_in_a_folder_of_an_odd_name(spark, tmp_path):
    lake = new_lake(tmp_path / "our *lake* #1 (50%?) {old}: é", spark)
    lake.land("user_signups.jsonl", [signup("u1")])
    assert lake.run(TABLE)[TABLE].account.rows_loaded == 1
    assert lake.run(TABLE)[TABLE].outcome == "unchanged"


@pytest.mark.slow
@pytest.mark.jvm
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("spark_conf", "spark.sql.shuffle.partitions"),
        ("spark_master", "mesos://nowhere"),
        ("driver_memory", "plenty"),
    ],
)
def test_a_setting_the_engine_refuses_is_named(lake, more_signups, setting, value):
    before = Snapshot.of(lake, TABLE)
    done = lakehouse(lake, "run", TABLE, **{setting: value})
    assert done.code == CONFIG, done.err
    assert says(done.err, [f"LAKEHOUSE_{setting.upper()}", value])
    before.assert_still_published(lake)


@pytest.mark.jvm
def test_a_connect_server_that_is_down_is_named(lake, more_signups):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"sc://127.0.0.1:{taken.getsockname()[1]}"
        done = lakehouse(lake, "run", TABLE, spark_remote=url)
    assert done.code == RETRY, done.err
    assert says(done.err, ["LAKEHOUSE_SPARK_REMOTE", url])


# --------------------------------------------------------------------------- storage


def test_a_table_folder_that_is_not_delta_is_left_alone(lake, command):
    stranger = lake.raw.parent / "bronze" / "conversions" / "notes.txt"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("mine")
    done = command("run", "bronze.conversions")
    assert done.code == SchemaMismatchError.exit_code
    assert says(done.err, [str(stranger.parent), "not a Delta table", "move"])
    assert stranger.read_text() == "mine"
    assert [path.name for path in stranger.parent.iterdir()] == ["notes.txt"]


def test_a_table_with_other_columns_is_left_alone(lake):
    uri = lake.settings.table_uri(TABLE)
    DeltaTable(uri).alter.add_columns(Field("shoe_size", "integer"))
    lake.land("user_signups/2.jsonl", [signup("new")])
    error = failure(lake.try_run(TABLE), TABLE)
    assert isinstance(error, MigrationNeededError)
    assert says(str(error), [TABLE, "shoe_size", uri, "lakehouse migrate"])


def test_a_file_where_the_lake_should_be_is_named(tmp_path, spark, monkeypatch, capsys):
    (tmp_path / "raw").mkdir()
    (tmp_path / "lake").write_text("not a folder")
    lake = LakeDriver(
        settings.load_settings(root=str(tmp_path / "lake"), raw=str(tmp_path / "raw")),
        new_lake(tmp_path / "other").registry,
        spark,
    )
    lake.land("user_signups.jsonl", [signup("a")])
    done = Command(lake, monkeypatch, capsys)("run", TABLE)
    assert done.code == StorageError.exit_code, done.err
    assert says(done.err, [str(tmp_path / "lake")])


@pytest.mark.parametrize("spot", ["silver", "silver/user_dim", "quarantine"])
def test_a_file_where_a_folder_should_be_is_named(lake, spot):
    lake.land("conversions/1.json", [])
    path = lake.raw.parent / spot
    if path.is_dir():
        shutil.rmtree(path)
    path.parent.mkdir(exist_ok=True)
    path.write_text("not a folder")
    table = TABLE if spot == "quarantine" else "silver.user_dim"
    lake.land("user_signups/2.jsonl", ["{broken", signup("a"), signup("b"), signup("c")])
    if table != TABLE:
        lake.land(
            "conversions/2.json", [{"user_id": "u1", "plan": "x", "conversion_date": "2026-02-01"}]
        )
        lake.run("bronze")
    error = failure(lake.try_run(table), table)
    assert isinstance(error, StorageError), error
    assert says(str(error), [str(path)])


def test_a_disk_that_is_full_at_the_lock_is_told(lake, more_signups):
    """The kernel says no space: the lock file is /dev/full."""
    lock = lake.raw.parent / "ops" / "locks" / f"{TABLE}.lock"
    lock.unlink()
    lock.symlink_to("/dev/full")
    before = Snapshot.of(lake, TABLE)
    error = failure(lake.try_run(TABLE), TABLE)
    assert isinstance(error, StorageError), error
    assert says(str(error), [str(lock), "space"])
    before.assert_still_published(lake)


@pytest.mark.slow
@pytest.mark.parametrize("spare_kb", [0, 200], ids=["to the last byte", "while writing"])
def test_a_disk_that_is_full_leaves_the_published_version(lake, tmp_path, more_signups, spare_kb):
    """A real one: a tmpfs that ends where the lake does, in a mount namespace of its own."""
    before = Snapshot.of(lake, TABLE)
    raw = tmp_path / "raw"
    shutil.move(lake.raw, raw)
    moved = LakeDriver(
        lake.settings.model_copy(update={"raw": str(raw)}), lake.registry, lake.spark
    )
    root = lake.settings.root
    used = int(subprocess.check_output(["du", "-sk", root], text=True).split()[0])
    script = (
        'cp -a "$0" "$0.copy" && mount -t tmpfs -o "size=$1k" none "$0" || exit 99; '
        'cp -a "$0.copy/." "$0" || exit 98; '
        'rest=$(df -k --output=avail "$0" | tail -1); '
        'head -c "$(( (rest - $2) * 1024 ))" /dev/zero > "$0/ballast"; '
        'shift 2; "$@"; code=$?; rm "$0/ballast"; cp -a "$0/." "$0.copy"; exit $code'
    )
    private = ["unshare", "-Urm", "sh", "-c", script, root, str(2 * used + 1024), str(spare_kb)]
    done = _run([*private, *command_line("run", TABLE)], moved)
    if (done.code in {1, 99} and "mount" in done.err + done.out) or "unshare" in done.err:
        pytest.skip(f"no private tmpfs to be had here: {done.err.strip()}")
    assert done.code == StorageError.exit_code, done
    assert says(done.err.lower(), [root, "space"])
    assert "Traceback" not in done.err
    shutil.rmtree(root)
    shutil.move(f"{root}.copy", root)
    before.assert_still_published(lake)
    account = moved.run(TABLE)[TABLE].account
    assert (account.balanced, account.rows_loaded) == (True, 20_000)
    assert len(lake.rows(TABLE)) == len(before.rows) + 20_000


@pytest.mark.slow
@pytest.mark.parametrize("spot", ["ops/locks", f"{TABLE.replace('.', '/')}/_delta_log", "raw"])
def test_a_folder_without_permission_is_named(lake, more_signups, spot):
    """Also as root: the process gives up the capability to ignore permissions."""
    before = Snapshot.of(lake, TABLE)
    path = lake.raw.parent / spot
    kept = {each: each.stat().st_mode for each in [path, *path.rglob("*")]}
    for each in kept:
        each.chmod(0o500 if each.is_dir() else 0o400)
    if spot == "raw":
        more_signups.chmod(0)
    try:
        done = _run(_without_override(command_line("run", TABLE)), lake)
    finally:
        for each, mode in kept.items():
            each.chmod(mode)
    assert done.code == StorageError.exit_code, done
    assert says(done.err, ["permission", "user_signups"])
    assert "Traceback" not in done.err
    before.assert_still_published(lake)
    assert lake.run(TABLE)[TABLE].account.rows_loaded == 20_000


def _without_override(arguments: list[str]) -> list[str]:
    """The command without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (prctl PR_CAPBSET_DROP)."""
    script = (
        "import ctypes, os, sys; c = ctypes.CDLL(None); "
        "[c.prctl(24, capability) for capability in (1, 2)]; os.execv(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-c", script, *arguments]


def _run(arguments: list[str], lake: LakeDriver) -> Done:
    result = subprocess.run(
        arguments,
        env=environment(lake),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Done(result.returncode, result.stdout, result.stderr)
