"""The interactions tables against an independent reading of the same landing files.

What the generator planted stands in `truth.json`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pyarrow as pa
import pytest
from interactions_oracle import MADE, Oracle, generate

from conftest import LakeDriver
from lakehouse.engines.spark import layout
from lakehouse.io import ops

pytestmark = [pytest.mark.spark, pytest.mark.turns(2)]


def count_differences(lake: LakeDriver, oracle: Oracle, table: str) -> int:
    """Rows of a published table that the oracle has not, and the other way round."""
    found = ops.query_versions(
        lake.settings.table_uri(table), {"t": lake.version(table)}, "SELECT * FROM t"
    )
    zoneless = [
        field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field
        for field in found.schema
    ]
    oracle.db.register("found", found.cast(pa.schema(zoneless)))
    return oracle.count_differences(table, "found")


def test_generated_dirty_files_give_the_tables_of_the_definitions_and_the_planted_facts(
    lake, tmp_path, monkeypatch
):
    """Delivered day by day, taken in two runs: what comes late touches what was there."""
    monkeypatch.setattr(layout, "ROWS_A_FILE", 100)  # days lie in files, as with much history
    made = tmp_path / "made"
    words = ("--days", "12", "--daily", "--dirty", "0.05", "--seed", "5")
    truth = generate(made, "--users", "150", "--interactions", "2000", *words)
    for source in ("user_interactions", "user_metadata"):
        (lake.raw / source).mkdir()
        files = sorted((made / source).iterdir())
        for file in files[: len(files) // 2]:
            shutil.copy(file, lake.raw / source / file.name)
    lake.run()
    for source in ("user_interactions", "user_metadata"):
        shutil.copytree(made / source, lake.raw / source, dirs_exist_ok=True)
    lake.run()
    Oracle(made).assert_equal(lake.rows)

    rows = lake.rows("silver.interactions")
    found = {
        "rows": len(rows),
        "users": len({row["user_id"] for row in rows}),
        "hot_rows": sum(row["user_id"] == truth["hot_user"]["user_id"] for row in rows),
        "outliers": sum(row["is_duration_outlier"] for row in rows),
        "orphans": sum(not row["has_profile"] for row in rows),
        "states": len(lake.rows("silver.user_profiles")),
    }
    assert found == {
        "rows": truth["rows"],
        "users": truth["users"],
        "hot_rows": truth["hot_user"]["rows"],
        "outliers": truth["durations"]["outlier_rows"],
        "orphans": truth["metadata"]["interactions_without_metadata"],
        "states": truth["metadata"]["distinct_states"],
    }
    landed = truth["sources"]
    assert {source: len(lake.rows(f"bronze.{source}")) for source in landed} == {
        source: told["clean_rows"] for source, told in landed.items()
    }


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_million_interactions_give_the_tables_of_the_definitions(make_lake):
    """As people run it: a process of its own, with the engine's own settings."""
    lake = make_lake()
    words = ("--days", "90", "--daily", "--dirty", "0.01", "--seed", "7")
    generate(lake.raw, "--users", "50000", "--interactions", "1000000", *words)
    run = [sys.executable, "-m", "lakehouse", "run"]
    subprocess.run(run, env=os.environ | {"LAKEHOUSE_ROOT": lake.settings.root}, check=True)
    oracle = Oracle(lake.raw)
    assert {table: n for table in MADE if (n := count_differences(lake, oracle, table))} == {}
