"""Plans that serve again: an increment asks what the one before asked, of other files.

To make a query of a table's PySpark takes a tenth of a second or more, most of an increment of few
rows. What a function makes of frames follows from its arguments, so its query is kept as a text
with gaps, and filled with what the frames are this time.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.engines.duckdb import planning

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from lakehouse.engines.duckdb.frames import Types
    from lakehouse.engines.duckdb.planning import Step

MOST = 5_000
"""Plans that are kept: those of all tables, several times over."""
_NAME = re.compile(rf"\b((?:{planning.STEP}|{planning.SOURCE})\d+)\b")
_Text = tuple[str | int, ...]
"""A text, with a number wherever the name of a step stands."""


@dataclass(frozen=True)
class Plan:
    """A query with gaps.

    Attributes:
        steps: Texts of its steps, each behind what it reads; the last one is the result.
        types: Columns of the result.
    """

    steps: tuple[_Text, ...]
    types: Types

    def filled(self, given: Sequence[Step]) -> Step:
        """Its last step, with what is given in place of what it was made of."""
        known = list(given)
        for text in self.steps:
            read = {part: known[part] for part in text if isinstance(part, int)}
            told = (part if isinstance(part, str) else known[part][0] for part in text)
            name, _, _ = planning.step_of("")
            known.append((name, "".join(told), tuple(read.values())))
        return known[-1]


class Plans:
    """The plans of this process that were used last."""

    def __init__(self) -> None:
        """None so far."""
        self._known: OrderedDict[Hashable, Plan] = OrderedDict()

    def of(self, key: Hashable, make: Callable[[], Plan]) -> Plan:
        """The plan of a key, made now unless it is known."""
        if key not in self._known:
            self._known[key] = make()
        self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return self._known[key]


def plan_of(frame: Any, given: Sequence[Step], described: Callable[[str], Types]) -> Plan:  # noqa: ANN401  # of SQLFrame
    """The plan of a frame that was made of some steps.

    Args:
        frame: The frame.
        given: The steps.
        described: The columns of a query.

    Raises:
        ValueError: The frame reads something else, too, which would stay the same for ever.
    """
    text, read, _ = planning.as_written(frame)
    whole = planning.behind(read, text)
    places = {step[0]: number for number, step in enumerate(given)}
    beyond = planning.in_order(given)
    steps = []
    for name, said in planning.in_order(read).items():
        if name not in beyond and not name.startswith(planning.SOURCE):
            steps.append(_with_gaps(said, places))
            places[name] = len(given) + len(steps) - 1
    steps.append(_with_gaps(planning.step_of(text)[1], places))
    return Plan(tuple(steps), described(whole))


def _with_gaps(text: str, places: dict[str, int]) -> _Text:
    parts = _NAME.split(text)
    if unknown := [name for name in parts[1::2] if name not in places]:
        raise ValueError(f"a plan reads {', '.join(unknown)}, which it was not given: {text}")
    return tuple(
        part if number % 2 == 0 else places[part] for number, part in enumerate(parts) if part
    )
