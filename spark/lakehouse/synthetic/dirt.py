"""What goes wrong between a source and the landing folder: repeated, late and broken rows.

Dirt is added beside the clean rows, never in their place: every clean row is delivered, a
duplicate is the same line once more (or the same record, received again), and a malformed line is
a spoilt copy under a key of its own. So rows delivered = clean rows + duplicates + malformed lines,
exactly.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Ints, stream
from lakehouse.synthetic.source import Chunk, Source
from lakehouse.synthetic.text import Text

UNREADABLE_DATE = "2026-13-45"
UNREADABLE_NUMBER = "many"

_WAITING_KINDS = _REPEATED, _AGAIN, _LATE, _BROKEN = 0, 1, 2, 3
_Waiting: TypeAlias = defaultdict[tuple[int, int], list[Text]]  # by day of delivery and kind
_MOST_DAYS_LATE = 7
_MOST_DAYS_REPEATED = 3
_RETRY_S = 1


@dataclass(frozen=True)
class _Picks:
    """Row numbers to spoil, ascending, and how many days each is delayed."""

    rows: Ints
    delays: Ints

    def within(self, begin: int, count: int) -> tuple[int, Ints, Ints]:
        """Picks among ``count`` rows from ``begin``: number of the first, positions, delays."""
        low, high = np.searchsorted(self.rows, [begin, begin + count])
        return int(low), self.rows[low:high] - begin, self.delays[low:high]


@dataclass
class Delivery:
    """A source as it lands: its clean rows and its dirt, by day of delivery.

    With ``delayed`` (one file per day) some rows come 1 to 7 days late and duplicates up to 3
    days after their original; otherwise everything lands on its day. The tallies are complete
    once ``chunks`` is exhausted.
    """

    source: Source
    dirty: float
    last_day: int
    seed: int
    delayed: bool
    duplicates: int = 0
    received_again: int = 0
    late: int = 0
    malformed: Counter[str] = field(default_factory=Counter)

    def chunks(self) -> Iterator[Chunk]:
        """Lines in order of the day of delivery."""
        repeated, late, broken = self._plan()
        waiting: _Waiting = defaultdict(list)
        today, begin = 0, 0
        for chunk in self.source.chunks:
            yield from _due(waiting, today, chunk.day)
            today, count = chunk.day, len(chunk.lines)
            first, rows, delays = repeated.within(begin, count)
            self.duplicates += len(rows)
            same = slice(0, None)
            if self.source.received_field:
                again = slice(first % 2, None, 2)
                self._hold_again(waiting, chunk, rows[again], delays[again])
                same = slice(1 - first % 2, None, 2)
            self._hold(waiting, _REPEATED, chunk, rows[same], delays[same])
            _, rows, delays = late.within(begin, count)
            comes_late = np.minimum(delays, self.last_day - today) > 0
            rows, delays = rows[comes_late], delays[comes_late]
            self.late += len(rows)
            self._hold(waiting, _LATE, chunk, rows, delays)
            first, spoilt, _ = broken.within(begin, count)
            if len(spoilt):
                originals = text.pick(chunk.lines, spoilt).to_pylist()
                waiting[today, _BROKEN].append(text.pool(self._spoil(originals, first)))
            on_time = np.delete(np.arange(count), rows)
            lines = text.pick(chunk.lines, on_time) if len(rows) else chunk.lines
            if len(lines):
                yield Chunk(today, lines)
            begin += count
        yield from _due(waiting, today, self.last_day + 1)

    def counts(self) -> dict[str, Any]:
        """The tallies for ``truth.json``."""
        broken = sum(self.malformed.values())
        again = {"duplicates_received_again": self.received_again}
        return {
            "clean_rows": self.source.rows,
            "duplicate_rows": self.duplicates,
            **(again if self.source.received_field else {}),
            "late_rows": self.late,
            "malformed_rows": broken,
            "malformed_by_kind": dict(sorted(self.malformed.items())),
            "rows_delivered": self.source.rows + self.duplicates + broken,
        }

    def _plan(self) -> tuple[_Picks, _Picks, _Picks]:
        """Distinct rows to repeat, to delay and to spoil: 40, 30 and 30 % of the dirt."""
        rng = stream(self.seed, f"dirt {self.source.name}")
        rows = self.source.rows
        total = round(rows * self.dirty)
        if self.dirty > 0:
            total = min(rows, max(total, 3))  # so that a small source shows each kind too
        chosen = rng.choice(rows, total, replace=False) if total else np.zeros(0, dtype=np.int64)
        n_repeated = max(total * 4 // 10, min(total, 1))
        n_late = max(total * 3 // 10, min(total - n_repeated, 1))
        repeated, late, broken = np.split(chosen, [n_repeated, n_repeated + n_late])
        repeat_delays = rng.integers(0, _MOST_DAYS_REPEATED + 1, len(repeated))
        late_delays = rng.integers(1, _MOST_DAYS_LATE + 1, len(late))
        if not self.delayed:
            repeat_delays, late = repeat_delays * 0, late[:0]
        return (
            _Picks(np.sort(repeated), repeat_delays),
            _Picks(np.sort(late), late_delays[: len(late)]),
            _Picks(np.sort(broken), np.zeros(len(broken), dtype=np.int64)),
        )

    def _hold(self, waiting: _Waiting, kind: int, chunk: Chunk, rows: Ints, delays: Ints) -> None:
        """Keep lines back until the day on which they land."""
        lands = np.minimum(chunk.day + delays, self.last_day)
        for day in np.unique(lands):
            waiting[int(day), kind].append(text.pick(chunk.lines, rows[lands == day]))

    def _hold_again(self, waiting: _Waiting, chunk: Chunk, rows: Ints, delays: Ints) -> None:
        """Keep records back that will be received again: all but that moment is the same."""
        name = self.source.received_field or ""
        lands = np.minimum(chunk.day + delays, self.last_day)
        originals = text.pick(chunk.lines, rows).to_pylist()
        for line, land in zip(originals, lands.tolist(), strict=True):
            record = json.loads(line)
            received = datetime.fromisoformat(record[name])
            later = received + timedelta(days=land - chunk.day, seconds=_RETRY_S)
            record[name] = later.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            waiting[land, _AGAIN].append(text.pool([_line(record)]))
        self.received_again += len(originals)

    def _spoil(self, lines: list[str], first: int) -> list[str]:
        spoil, kinds = (_spoil_csv, _CSV_KINDS) if self.source.columns else (_spoil_json, _KINDS)
        if self.source.spoiling:
            spoil, kinds = _spoil_own, self.source.spoiling.kinds
        if self.source.extension == "jsonl":
            kinds = (*kinds, "broken_json")
        if self.source.number_field is None:
            kinds = tuple(kind for kind in kinds if kind != "bad_number")
        spoilt = []
        for number, line in enumerate(lines, first):
            kind = kinds[number % len(kinds)]
            self.malformed[kind] += 1
            spoilt.append(spoil(line, kind, self.source, f"bad_{number + 1:07d}"))
        return spoilt


_KINDS: tuple[str, ...] = ("bad_date", "null_key", "bad_number")
_CSV_KINDS: tuple[str, ...] = (*_KINDS, "missing_column", "extra_column")


def _due(waiting: _Waiting, begin: int, end: int) -> Iterator[Chunk]:
    """Release what waits for the days [begin, end), kind by kind whatever came when."""
    for day in range(begin, end):
        for kind in _WAITING_KINDS:
            for lines in waiting.pop((day, kind), ()):
                yield Chunk(day, lines)


def _spoil_json(line: str, kind: str, source: Source, key: str) -> str:
    row: dict[str, Any] = json.loads(line) | {source.key: key}
    if kind == "bad_date":
        row[source.date_field] = UNREADABLE_DATE
    elif kind == "bad_number" and source.number_field:
        row[source.number_field] = UNREADABLE_NUMBER
    elif kind == "null_key":
        row[source.key] = None
    return _cut(_line(row)) if kind == "broken_json" else _line(row)


def _spoil_own(line: str, kind: str, source: Source, key: str) -> str:
    row: dict[str, Any] = json.loads(line) | {source.key: key}
    if kind == "broken_json":
        return _cut(_line(row))
    if source.spoiling:
        source.spoiling.spoil(row, kind)
    return _line(row)


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n"


def _cut(line: str) -> str:
    """What is left of a line that was torn."""
    whole = len(line) - 1
    return line[: whole * 3 // 5] + "\n"


def _spoil_csv(line: str, kind: str, source: Source, key: str) -> str:
    row = dict(zip(source.columns, line.rstrip("\n").split(","), strict=True)) | {source.key: key}
    if kind == "bad_date":
        row[source.date_field] = UNREADABLE_DATE
    elif kind == "bad_number" and source.number_field:
        row[source.number_field] = UNREADABLE_NUMBER
    elif kind == "null_key":
        row[source.key] = ""
    values = list(row.values())
    if kind == "missing_column":
        values.pop()
    elif kind == "extra_column":
        values.append("surplus")
    return ",".join(values) + "\n"
