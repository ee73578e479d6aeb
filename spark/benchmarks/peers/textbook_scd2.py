"""W8 as Delta's documentation writes it: changed rows are staged twice, and merged in one step.

    python textbook_scd2.py first.csv 1.csv … --home HOME --jars DELTA_JARS

The first file makes the table, each other one is merged into it, in one session.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import textbook
from delta import DeltaTable
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TRACKED = ("join_date", "country", "device_type", "subscription_type")
DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
OPEN = {
    **{name: f"delivered.{name}" for name in ("user_id", *TRACKED)},
    "effective_from": "delivered.updated_at",
    "effective_to": "TIMESTAMP '9999-12-31'",
    "is_current": "true",
}
IS_OTHER = " OR ".join(f"NOT history.{name} <=> delivered.{name}" for name in TRACKED)


def read(spark: SparkSession, file: Path) -> DataFrame:
    """A delivery: one row per user."""
    schema = textbook.SCHEMAS["user_metadata"]
    return spark.read.schema(schema).csv(str(file), header=True).alias("delivered")


def load(spark: SparkSession, file: Path, table: str) -> None:
    """Every user's first state."""
    rows = read(spark, file).selectExpr(*(f"{value} AS {name}" for name, value in OPEN.items()))
    rows.write.format("delta").save(table)


def merge(spark: SparkSession, file: Path, table: str) -> None:
    """Close the states that changed, and open the new ones."""
    history = DeltaTable.forPath(spark, table).alias("history")
    delivered = read(spark, file)
    is_known = f"history.user_id = delivered.user_id AND history.is_current AND ({IS_OTHER})"
    known = DeltaTable.forPath(spark, table).toDF().alias("history")
    changed = delivered.join(known, on=F.expr(is_known), how="left_semi")
    staged = changed.selectExpr("NULL AS merge_key", "*").unionByName(
        delivered.selectExpr("user_id AS merge_key", "*")
    )
    (
        history.merge(staged.alias("delivered"), "history.user_id = delivered.merge_key")
        .whenMatchedUpdate(
            condition=f"history.is_current AND ({IS_OTHER})",
            set={"is_current": "false", "effective_to": "delivered.updated_at"},
        )
        .whenNotMatchedInsert(values=dict(OPEN))
        .execute()
    )


def main() -> None:
    """Run, and print seconds by file, and the rows in the history after it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--jars", required=True, help="of Delta, separated by commas")
    parser.add_argument("--memory", default="3g")
    parser.set_defaults(workload="scd2", master="local[2]", events=None)
    given = parser.parse_args()
    spark = textbook.start(given, {**DELTA, "spark.jars": given.jars})
    table = str(given.home / "user_profiles")
    told = {}
    for number, file in enumerate(given.files):
        began = time.perf_counter()
        (merge if number else load)(spark, file, table)
        wall = round(time.perf_counter() - began, 2)
        counted = spark.read.format("delta").load(table)
        [row] = counted.selectExpr("count_if(is_current)", "count_if(NOT is_current)").collect()
        told[file.stem] = {"wall_s": wall, "current": row[0], "closed": row[1]}
    spark.stop()
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
