"""Making the class archive: a session does what every table does, and its JVM notes the classes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from lakehouse.engines.spark import delta
from lakehouse.engines.spark.classes import archive_path
from lakehouse.engines.spark.session import start_session
from lakehouse.settings import load_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXIT_SECONDS = 180
# What every table does, on a handful of rows: the classes it takes are the ones worth keeping.
_EXERCISE = """
CREATE TABLE {table} (id STRING NOT NULL, day DATE, n BIGINT) USING delta CLUSTER BY (id)
    TBLPROPERTIES ('delta.enableChangeDataFeed'='true', 'delta.enableDeletionVectors'='false');
INSERT INTO {table} SELECT j['id'], DATE'2026-01-01', id
    FROM (SELECT id, from_json('{{"id": "' || id || '"}}', 'map<string,string>') j FROM range(100));
CREATE TEMPORARY VIEW new AS
    SELECT DISTINCT id, day, n + 1 AS n FROM {table} WHERE n > 90
    UNION ALL SELECT 'x', DATE'2026-01-02', 0;
MERGE INTO {table} t USING new s ON t.id = s.id
    WHEN MATCHED AND s.n = 92 THEN DELETE
    WHEN MATCHED THEN UPDATE SET *
    WHEN NOT MATCHED THEN INSERT *;
SELECT count(*), count(DISTINCT a.id), max(md5(to_json(struct(a.*)))) FROM {table} a
    FULL OUTER JOIN {table} VERSION AS OF 1 b ON a.id <=> b.id WHERE b.id IS NULL OR a.n <> b.n;
SELECT *, row_number() OVER (PARTITION BY day ORDER BY id) FROM {table};
RESTORE TABLE {table} TO VERSION AS OF 1
"""


def build() -> bool:
    """Make the archive unless it is there; whether it is there now (a small JRE cannot make one).

    Call it in a process without a session; it starts and ends one of its own.
    """
    path = archive_path()
    if path.exists():
        return True
    part = path.with_suffix(f".{os.getpid()}")
    option = f"spark.driver.extraJavaOptions=-XX:ArchiveClassesAtExit={part} -Xlog:cds*=off"
    with tempfile.TemporaryDirectory() as scratch:
        conf = f"{option};spark.sql.warehouse.dir={scratch}"
        here = {"root": scratch, "raw": "", "spark_master": "local[2]", "spark_remote": ""}
        settings = load_settings(**here, spark_conf=conf)
        spark = start_session(settings)
        for statement in _EXERCISE.format(table=f"delta.`{scratch}/table`").split(";"):
            spark.sql(statement).collect()
        feed = delta.changes(spark, f"{scratch}/table", 0, 3)  # and versions, as the engine reads
        if feed is not None:
            feed.localCheckpoint().collect()
        is_whole = _ended(spark)
    if is_whole and part.exists():
        for old in path.parent.glob("classes-*.jsa"):  # 200 MB each, of jars that are gone
            old.unlink()
        part.replace(path)
    part.unlink(missing_ok=True)
    return path.exists()


def _ended(spark: SparkSession) -> bool:
    """Stop the JVM, too, and wait for it: it writes the archive as the last thing it does."""
    gateway: Any = spark.sparkContext._gateway  # noqa: SLF001  # pyspark keeps it to itself
    spark.stop()
    gateway.proc.stdin.close()
    try:
        gateway.proc.wait(EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        gateway.proc.kill()
        return False
    return True
