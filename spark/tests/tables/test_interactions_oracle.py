"""The interactions tables against an independent reading of the same landing files.

The oracle is DuckDB SQL written from the definitions, not from the transforms: it splits the lines
itself, and shares no code with the package. What the generator planted stands in `truth.json`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conftest import LakeDriver

pytestmark = pytest.mark.spark

GENERATOR = Path(__file__).resolve().parents[3] / "scripts" / "generate_synthetic_data.py"
INTERACTIONS = "interaction_id,user_id,timestamp,action_type,page_id,duration_ms,app_version"
METADATA = "user_id,join_date,country,device_type,subscription_type,updated_at"

DEFINED = """
CREATE TABLE profiles AS
WITH told AS (SELECT DISTINCT * EXCLUDE (updated_at), updated_at::timestamp AS since
              FROM metadata),
changed AS (
    SELECT * FROM told
    QUALIFY lag([join_date, country, device_type, subscription_type])
            OVER (PARTITION BY user_id ORDER BY since)
            IS DISTINCT FROM [join_date, country, device_type, subscription_type]
)
SELECT user_id, join_date::date AS join_date, country, device_type, subscription_type,
       since AS effective_from,
       coalesce(lead(since) OVER (PARTITION BY user_id ORDER BY since), TIMESTAMP '9999-12-31')
           AS effective_to
FROM changed ORDER BY user_id, since;

CREATE TABLE facts AS
WITH one AS (
    SELECT * FROM (SELECT DISTINCT * FROM interactions)
    QUALIFY row_number() OVER (PARTITION BY interaction_id ORDER BY timestamp) = 1
)
SELECT i.interaction_id, i.user_id, i.timestamp::timestamp AS event_at,
       event_at::date AS event_date, action_type, page_id, duration_ms::bigint AS duration_ms,
       app_version, coalesce(country, 'unknown') AS country,
       coalesce(device_type, 'unknown') AS device_type,
       coalesce(subscription_type, 'unknown') AS subscription_type,
       m.user_id IS NOT NULL AS has_profile, duration_ms::bigint > 28800000 AS is_duration_outlier
FROM one AS i ASOF LEFT JOIN (SELECT DISTINCT * FROM metadata) AS m
  ON i.user_id = m.user_id AND i.timestamp >= m.updated_at
ORDER BY i.user_id, event_date, i.interaction_id;
"""


class Oracle:
    """The interactions tables of a landing folder, by SQL."""

    def __init__(self, raw: Path) -> None:
        self.db = duckdb.connect()
        self._load(raw, "user_interactions", "interactions", INTERACTIONS)
        self._load(raw, "user_metadata", "metadata", METADATA)
        self.db.execute(
            "DELETE FROM interactions WHERE interaction_id = '' OR user_id = '' "
            "OR try_cast(timestamp AS timestamp) IS NULL OR try_cast(duration_ms AS bigint) IS NULL"
        )
        self.db.execute(
            "DELETE FROM metadata WHERE user_id = '' OR try_cast(updated_at AS timestamp) IS NULL"
        )
        self.db.execute(DEFINED)

    def _load(self, raw: Path, source: str, table: str, header: str) -> None:
        files = [str(p) for p in sorted(raw.glob(f"{source}*/*"))] or [str(raw / f"{source}.csv")]
        names = header.split(",")
        cells = ", ".join(f"cells[{i}] AS {name}" for i, name in enumerate(names, start=1))
        self.db.execute(
            f"CREATE TABLE {table} AS SELECT {cells} FROM ("
            "  SELECT string_split(unnest(string_split(content, chr(10))), ',') AS cells"
            f"  FROM read_text({files})) "
            f"WHERE len(cells) = {len(names)} AND cells[1] <> '{names[0]}'"
        )

    def rows(self, query: str) -> list[dict[str, Any]]:
        found = self.db.execute(query)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Moments without their zone, as DuckDB has them."""
    return [
        {
            name: value.astimezone(UTC).replace(tzinfo=None)
            if getattr(value, "tzinfo", None)
            else value
            for name, value in row.items()
        }
        for row in rows
    ]


def assert_equal_tables(lake: LakeDriver, oracle: Oracle) -> None:
    for table, query in (("silver.user_profiles", "profiles"), ("silver.interactions", "facts")):
        wanted = oracle.rows(f"FROM {query}")
        assert len(wanted) > 100
        assert plain(lake.rows(table, *wanted[0])) == wanted


def generate(folder: Path, *words: str) -> dict[str, Any]:
    """Landing files with planted facts; what was planted."""
    command = [sys.executable, str(GENERATOR), "--out", str(folder), "--domains", "interactions"]
    subprocess.run([*command, "--quiet", "--force", *words], check=True)
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())["interactions"]
    return truth


def test_generated_dirty_files_give_the_tables_of_the_definitions_and_the_planted_facts(
    lake, tmp_path
):
    """Delivered day by day, taken in two runs: what comes late touches what was there."""
    made = tmp_path / "made"
    words = ("--days", "12", "--daily", "--dirty", "0.05", "--seed", "5")
    truth = generate(made, "--users", "150", "--interactions", "2000", *words)
    for source in ("user_interactions", "user_metadata"):
        (lake.raw / source).mkdir()
        files = sorted((made / source).iterdir())
        for file in files[: len(files) // 2]:
            shutil.copy(file, lake.raw / source / file.name)
    lake.run("+silver.interactions")
    for source in ("user_interactions", "user_metadata"):
        shutil.copytree(made / source, lake.raw / source, dirs_exist_ok=True)
    lake.run("+silver.interactions")
    assert_equal_tables(lake, Oracle(made))

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
