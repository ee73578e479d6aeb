"""How long the tasks of Spark's stages took, by classes of equal width on a logarithmic scale."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.observability.event_files import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PER_DECADE = 10
_TASK_END = b'{"Event":"SparkListenerTaskEnd"'


@dataclass(frozen=True)
class TaskClass:
    """Tasks that took about as long.

    Attributes:
        up_to_s: The longest that belongs here.
        tasks: How many.
        seconds: What they took together.
    """

    up_to_s: float
    tasks: int
    seconds: float


def task_classes(logs: Iterable[Path], until_ms: float = math.inf) -> list[TaskClass]:
    """Tasks of event logs that were launched by a moment (Unix time), shortest class first."""
    tasks: Counter[int] = Counter()
    took: Counter[int] = Counter()
    for log in logs:
        for line, _ in read_lines(log):
            if not line.startswith(_TASK_END):
                continue
            info = json.loads(line)["Task Info"]
            if info["Launch Time"] <= until_ms:
                took_ms = max(info["Finish Time"] - info["Launch Time"], 1)
                # Rounded: log10(1000) may be a hair above 3, and its class the next.
                number = math.ceil(round(PER_DECADE * math.log10(took_ms), 6))
                tasks[number] += 1
                took[number] += took_ms
    return [TaskClass(_upper_s(n), tasks[n], took[n] / 1000) for n in sorted(tasks)]


def _upper_s(number: int) -> float:
    return float(f"{10 ** (number / PER_DECADE) / 1000:.4g}")
