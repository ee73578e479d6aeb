"""The class archive: what every start of the engine loads and verifies, prepared once.

A JVM that runs Spark and Delta loads many thousand classes; from an archive (Java's application
class data sharing) they are mapped instead. It only saves time: without one, or with one that does
not fit, the JVM loads classes as ever.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyspark

from lakehouse.engines.spark.jars import jars_folder
from lakehouse.engines.spark.java import java_environment


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
