"""The class archive: what every start of the engine loads and verifies, prepared once.

A JVM that runs Spark and Delta loads many thousand classes; from an archive (Java's application
class data sharing) they are mapped instead. It only saves time: without one, or with one that does
not fit, the JVM loads classes as ever.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyspark

from lakehouse.engine.jars import jars_folder
from lakehouse.engine.java import java_environment
from lakehouse.io import delta

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


def archive_path() -> Path:
    """Where the archive of this Java and these jars is, made or not."""
    java = Path(java_environment()["JAVA_HOME"], "bin", "java").resolve()
    made_for = f"{java} {java.stat().st_mtime_ns} {pyspark.__version__}"
    key = hashlib.blake2b(made_for.encode(), digest_size=4).hexdigest()
    return jars_folder() / f"classes-{key}.jsa"


def java_options() -> str:
    """Options that make a JVM use the archive, silent when it does not fit; empty without one."""
    path = archive_path()
    return f"-XX:SharedArchiveFile={path} -Xlog:cds*=off -Xlog:class+path=off" * path.exists()


def build() -> bool:
    """Make the archive unless it is there; whether it is there now (a small JRE cannot make one).

    Call it in a process without a session; it starts and ends one of its own.
    """
    from lakehouse.engine.session import start_session  # noqa: PLC0415  # it asks us for options
    from lakehouse.settings import load_settings  # noqa: PLC0415

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
