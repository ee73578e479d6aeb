"""The class archive: what every start of the engine loads and verifies, prepared once.

A JVM that runs Spark and Delta loads many thousand classes; from an archive (Java's application
class data sharing) they are mapped instead. It only saves time: without one, or with one that does
not fit, the JVM loads classes as ever.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyspark

from lakehouse.engines.spark.jars import DELTA, file_name, jars_folder
from lakehouse.engines.spark.java import java_environment


def archive_path() -> Path:
    """Where the archive of this Java and these jars is, made or not.

    Java refuses one whose jars were written since, even with the same bytes.
    """
    java = Path(java_environment()["JAVA_HOME"], "bin", "java").resolve()
    spark = Path(pyspark.__file__).parent / "jars" / f"spark-core_2.13-{pyspark.__version__}.jar"
    files = (java, spark, *(jars_folder() / name for name in map(file_name, DELTA)))
    made_for = [(str(each), each.stat().st_mtime_ns) for each in files if each.exists()]
    key = hashlib.blake2b(repr(made_for).encode(), digest_size=4).hexdigest()
    return jars_folder() / f"classes-{key}.jsa"


def java_options() -> str:
    """Options that make a JVM use the archive, silent when it does not fit; empty without one."""
    path = archive_path()
    return f"-XX:SharedArchiveFile={path} -Xlog:cds*=off -Xlog:class+path=off" * path.exists()
