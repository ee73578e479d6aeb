"""What a run is measured against: limits of skew, garbage collection, spill and shuffle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.observability.work import MIN_TASKS, TELLING_MS
from lakehouse.reporting import numbers
from lakehouse.reporting.page import Cell

if TYPE_CHECKING:
    from lakehouse.observability.application import Part

MAX_SKEW = 2.0
MAX_GC_SHARE = 0.04
MAX_SPILLED_BYTES = 0
MAX_SHUFFLE_RATIO = 0.6


@dataclass(frozen=True)
class Verdict:
    """A figure and its target.

    Attributes:
        name: Of what.
        value: The figure; None when there is nothing to judge.
        found: The figure in words.
        target: The target in words.
        met: Whether it is met; None when there is nothing to judge.
    """

    name: str
    value: float | None
    found: str
    target: str
    met: bool | None

    @property
    def cell(self) -> Cell:
        """The verdict in one cell."""
        if self.met is None:
            return Cell(f"{numbers.NOTHING} {self.name}: {self.found}", "soft")
        mark = "✓" if self.met else "✗"
        return Cell(
            f"{mark} {self.name} {self.found} (target {self.target})",
            "good" if self.met else "bad",
        )


def verdicts(part: Part) -> list[Verdict]:
    """All targets, judged by a part of the work."""
    load = part.load
    too_small = f"no stage has {MIN_TASKS} tasks with a median over {numbers.seconds(TELLING_MS)}"
    spilled = None if not load.tasks else load.spilled_bytes
    return [
        _verdict(
            "straggler",
            part.skew,
            too_small if part.skew is None else numbers.ratio(part.skew),
            f"< {MAX_SKEW:g} times the median",
            met=part.skew is not None and part.skew < MAX_SKEW,
        ),
        _verdict(
            "GC",
            load.gc_share,
            numbers.percent(load.gc_share),
            f"< {numbers.percent(MAX_GC_SHARE, 0)} of task time",
            met=(load.gc_share or 0) < MAX_GC_SHARE,
        ),
        _verdict(
            "spill",
            spilled,
            numbers.size(spilled),
            numbers.size(MAX_SPILLED_BYTES),
            met=(spilled or 0) <= MAX_SPILLED_BYTES,
        ),
        _verdict(
            "shuffle",
            load.shuffle_ratio,
            "no input" if load.shuffle_ratio is None else numbers.ratio(load.shuffle_ratio),
            f"< {MAX_SHUFFLE_RATIO:g} times the input",
            met=(load.shuffle_ratio or 0) < MAX_SHUFFLE_RATIO,
        ),
    ]


def _verdict(name: str, value: float | None, found: str, target: str, *, met: bool) -> Verdict:
    return Verdict(name, value, found, target, None if value is None else met)
