"""Memory of the driver where nobody says how much: a share of what this machine has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from lakehouse.settings import Settings

SHARE = 0.4
"""Of the machine: Python, which reads the landing files, and the system want the rest."""
LEAST_MIB, MOST_MIB = 1024, 31 * 1024
"""A JVM of less starts no lake; above 31 GiB every reference in it takes twice the room."""
BESIDE_THE_HEAP = 3 * 2**30
"""Classes, compiled code, buffers and the Python workers of a shared engine."""
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def driver_memory(settings: Settings) -> str:
    """What `LAKEHOUSE_DRIVER_MEMORY` says, or a share of the machine's memory."""
    return settings.driver_memory or f"{driver_mib(_machine_bytes())}m"


def driver_mib(machine_bytes: int) -> int:
    """The share of a machine, in MiB."""
    return max(LEAST_MIB, min(MOST_MIB, int(machine_bytes * SHARE) >> 20))


def engine_limit(settings: Settings) -> int:
    """Bytes beyond which the shared engine starts again: its heap, and what lies beside it."""
    if settings.engine_memory_gib:
        return int(settings.engine_memory_gib * 2**30)
    return _java_bytes(driver_memory(settings)) + BESIDE_THE_HEAP


def _java_bytes(text: str) -> int:
    """A size as Java writes it: a number, and perhaps k, m, g or t."""
    power = "kmgt".find(text[-1:].lower()) + 1
    number = text[:-1] if power else text
    return int(number) * 1024**power if number.isdigit() else 0


def _machine_bytes() -> int:
    """Memory of this machine, or of the container that this process runs in."""
    total: int = psutil.virtual_memory().total
    try:
        limit = CONTAINER_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total
