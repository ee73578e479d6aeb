"""Parts of landing files → rows, judged, in batches of Arrow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.errors import InputQualityError
from lakehouse.io.arrow import arrow_type
from lakehouse.landing.content import Content
from lakehouse.landing.days import day_of
from lakehouse.landing.messages import Beside
from lakehouse.landing.reader import judge, parquet_format, stream, topic_format
from lakehouse.landing.reader.dialect import header_of
from lakehouse.landing.reader.inspection import format_of, in_chunks
from lakehouse.landing.reader.mapped import LEFT_OUT, mapped, view_of
from lakehouse.landing.topic import LAYOUT, Range
from lakehouse.spec.columns import BOOLEAN, DATE, LONG, STRING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from lakehouse.landing.feed import Landed
    from lakehouse.landing.reader.taken import Taken
    from lakehouse.spec import Source

ENOUGH = 1 << 16
"""Rows that are judged at once, about."""
PLACE_BITS = 43
"""Of a place, for the byte of a file: 8 TB. The others number the files of a delivery."""


PLACE_OF_REJECT_BITS = 28
"""Of a place, for the byte of a reject: it may hold several rows."""
TASK_BYTES = 32 << 20
"""Of landing files that one task reads, about."""
OFFSETS_A_TASK = 100_000
"""Of a partition of a topic that one task reads, at most."""
TECHNICAL = {
    "_row_id": STRING,
    "_short_id": LONG,
    "_source_file": STRING,
    "_file_date": DATE,
    "_delivered_on": DATE,
    "_extra": STRING,
    "_reasons": f"array<{STRING}>",
    "_place": LONG,
    "_line": LONG,
    "_raw": "binary",
    "_layout": STRING,
    "_header": STRING,
    LEFT_OUT: BOOLEAN,
}
"""Beside the declared fields. `_short_id` is 60 bits of `_row_id`. `_delivered_on` is the day in
the path of the file, `_file_date` the same where it is part of the row's identity. `_place` orders
all that is read; line, bytes, layout and header are of rejects alone."""


@dataclass(frozen=True)
class Part:
    """What one task reads: a file, or some of its bytes.

    Attributes:
        path: Path below the landing folder.
        uri: Where it is.
        day: The day in its path.
        number: Of the file in its delivery.
        content: How it is written.
        start: First byte; a record begins there. Of a topic the first offset.
        end: Where to stop; None = the end of the file.
        line: Number of the first line, from 1.
        records: Records that were counted there before; None where nobody did, of a topic.
        size: Bytes on storage.
    """

    path: str
    uri: str
    day: date | None
    number: int
    content: Content
    start: int = 0
    end: int | None = None
    line: int = 1
    records: int | None = 0
    size: int = 0


def parts_of(landed: Sequence[Landed]) -> list[Part]:
    """The parts of landing files, as they were cut when they were looked at."""
    found: list[Part] = []
    for each in sorted(landed, key=lambda each: each.path):
        number = len(found)  # grows from file to file
        if isinstance(each, Range):
            found += _of_topic(each, number)
            continue
        cuts = each.content.splits
        ends = [*(cut.start for cut in cuts[1:]), None]
        content = replace(each.content, splits=())
        found += [
            Part(
                path=each.path,
                uri=each.uri,
                day=each.day,
                number=number,
                content=content,
                start=cut.start,
                end=end,
                line=cut.line,
                records=cut.records,
                size=(each.size if end is None else end) - cut.start,
            )
            for cut, end in zip(cuts, ends, strict=True)
        ]
    return found


def _of_topic(each: Range, number: int) -> Iterator[Part]:
    """The parts of a range of offsets, numbered as if each were a file."""
    for n, start in enumerate(range(each.start, each.end, OFFSETS_A_TASK)):
        yield Part(
            path=each.path,
            uri=each.uri,
            day=None,
            number=number + n,
            content=each.content,
            start=start,
            end=min(start + OFFSETS_A_TASK, each.end),
            records=None,
            size=TASK_BYTES,
        )


def shared(parts: Sequence[Part], task_bytes: int = TASK_BYTES) -> list[list[Part]]:
    """Parts, put together for tasks until each has enough to read."""
    shares: list[list[Part]] = []
    held = task_bytes
    for part in parts:
        if held >= task_bytes:
            shares.append([])
            held = 0
        shares[-1].append(part)
        held += part.size
    return shares


def types(source: Source) -> dict[str, str]:
    """Columns of what is read of a source, with their types as Spark writes them."""
    return {field.name: field.type for field in source.fields} | TECHNICAL


def schema(source: Source) -> pa.Schema:
    """Columns of what is read of a source."""
    return pa.schema([(name, arrow_type(kind)) for name, kind in types(source).items()])


def read(
    parts: Iterable[Part], source: Source, *, max_record_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Every record of some parts, good or bad: only the bad ones carry their raw bytes.

    Args:
        parts: What to read.
        source: What a record is.
        max_record_bytes: Longer ones are rejected.

    Raises:
        InputQualityError: A file is not what its name says, or changed since it was looked at.
        StorageError: One may not be read.
    """
    bench = Bench(source)
    for part in parts:
        n_records, line = 0, part.line
        layout, header = part.content.layout, part.content.header
        origin = Origin(part.path, part.day, part.number << PLACE_BITS, layout, header)
        for offset, taken in _taken(part, source, max_record_bytes):
            n_records += taken.n_records
            yield from bench.add(taken, replace(origin, place=origin.place + offset), line)
            line += taken.data.count(b"\n", 0, taken.used)
        if part.records is not None and n_records != part.records:
            message = (
                f"landing file {part.path} changed while it was read: {part.records:,} records "
                f"were counted and {n_records:,} read; run again"
            )
            raise InputQualityError(message, path=part.path)
    yield from bench.rest()


def _taken(part: Part, source: Source, longest: int) -> Iterator[tuple[int, Taken]]:
    """The records of a part, chunk by chunk, each with the byte at which it begins."""
    content, offset = part.content, part.start
    if content.layout == LAYOUT:
        yield from topic_format.read(part, source, longest=longest)
        return
    if content.layout == "parquet":
        mapping = source.mapping_of(part.path)
        for taken in parquet_format.batches(part.uri, view_of(mapping) if mapping else source):
            yield 0, mapped(taken, mapping, source) if mapping else taken
        return
    reader = format_of(content, source, part.path, longest=longest, is_head=not part.start)

    def take(data: bytes, *, last: bool) -> tuple[Taken, int]:
        found = reader.take(data, last=last)
        return found, found.used

    chunks = stream.chunks(
        part.uri, part.path, encoding=content.encoding, start=part.start, end=part.end
    )
    for _, used, taken in in_chunks(chunks, part.path, take):
        yield offset, taken
        offset += used


def rejudge(
    held: Iterable[pa.RecordBatch], source: Source, *, max_record_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Judge rejected records again; each has a place of its own, before those of files.

    Args:
        held: Batches of source_file, source_line, raw, layout and header, as the quarantine keeps
            them.
        source: What a record is.
        max_record_bytes: Longer ones are rejected.
    """
    bench = Bench(source)
    rows = (row for batch in held for row in batch.to_pylist())
    for number, row in enumerate(rows, 1):
        content = Content("", row["layout"], row["header"])
        path = row["source_file"]
        place = -number << PLACE_OF_REJECT_BITS
        day = None if row["layout"] == LAYOUT else day_of(path)  # an offset may look like a day
        origin = Origin(path, day, place, row["layout"], row["header"])
        if row["layout"] == LAYOUT:
            messages = topic_format.Messages(source, longest=max_record_bytes)
            about = Beside.parse(row["header"]).again
            found = messages.taken([row["raw"]], [row["source_line"]], [about].__getitem__)
            yield from bench.add(found, origin, 0)
            continue
        mapping = source.mapping_of(path)
        if row["layout"] == "csv":
            fields = view_of(mapping).fields if mapping else source.fields
            header = header_of(row["header"] or "", fields)
            content = replace(content, delimiter=header.delimiter if header else ",")
        elif row["layout"] in {"array", "objects", "parquet"} or not mapping:
            content = replace(content, layout="lines")
        reader = format_of(content, source, path, longest=max_record_bytes)
        found = reader.take(row["raw"], last=True)
        found.elements = np.full(len(found.starts), row["source_line"])
        yield from bench.add(found, origin, 0)
    yield from bench.rest()


@dataclass(frozen=True)
class Origin:
    """Where rows come from.

    Attributes:
        path: Landing file.
        day: The day in its path.
        place: Of the first byte of their chunk, among all that is read.
        layout: Of the file.
        header: Of the file.
    """

    path: str
    day: date | None
    place: int
    layout: str
    header: str | None


class Bench:
    """Where rows wait until there are enough to be judged at once."""

    def __init__(self, source: Source) -> None:
        """Nothing waits."""
        self._source = source
        self._schema = schema(source)
        self._waiting: list[tuple[Taken, Origin, int]] = []
        self._n = 0

    def add(self, taken: Taken, origin: Origin, line: int) -> Iterator[pa.RecordBatch]:
        """Let rows wait; the first stands on the line.

        Yields:
            What was judged.
        """
        if not len(taken.starts):
            return
        self._waiting.append((taken, origin, line))
        self._n += len(taken.starts)
        if self._n >= ENOUGH:
            yield from self.rest()

    def rest(self) -> Iterator[pa.RecordBatch]:
        """Judge all that waits."""
        if not self._waiting:
            return
        waiting, self._waiting, self._n = self._waiting, [], 0
        days = [
            pa.repeat(pa.scalar(origin.day, pa.date32()), len(taken.starts))
            for taken, origin, _ in waiting
        ]
        texts = pa.concat_tables([taken.texts for taken, _, _ in waiting])
        texts = judge.cleaned(texts, self._source)
        texts = texts.append_column("_file_date", pa.chunked_array(days, pa.date32()))
        judged = judge.ask(texts, judge.statement(self._source))
        judged = judged.append_column("_extra", texts["_extra"]).combine_chunks()
        left_out = np.concatenate([_left_out(taken) for taken, _, _ in waiting])
        judged = judged.append_column(LEFT_OUT, pa.array(left_out))
        is_bad = pc.greater(pc.list_value_length(judged["_reasons"]), 0).to_numpy() & ~left_out
        if left_out.any():  # nobody asks what is wrong with them
            none = pa.scalar([], judged["_reasons"].type)
            reasons = pc.if_else(pa.array(left_out), none, judged["_reasons"])
            judged = judged.set_column(
                judged.schema.get_field_index("_reasons"), "_reasons", reasons
            )
        start = 0
        for taken, origin, line in waiting:
            n = len(taken.starts)
            bad = np.flatnonzero(is_bad[start : start + n])
            yield self._with_origin(judged.slice(start, n), taken, origin, line, bad)
            start += n

    def _with_origin(
        self,
        judged: pa.Table,
        taken: Taken,
        origin: Origin,
        line: int,
        bad: NDArray[np.int64],
    ) -> pa.RecordBatch:
        """Add where rows come from, and of the bad ones their line and their bytes."""
        n = len(taken.starts)
        lines = np.zeros(n, np.int64)
        raws: list[bytes | None] = [None] * n
        is_good = np.ones(n, np.bool_)
        is_good[bad] = False
        lines[bad] = taken.lines(bad, line)
        for row in bad.tolist():
            raws[row] = taken.raw(row)

        def of_bad(text: str | None) -> pa.Array:
            nothing = pa.scalar(None, pa.string())
            return pc.if_else(pa.array(is_good), nothing, pa.scalar(text, pa.string()))

        header = of_bad(origin.header)
        if taken.beside is not None:
            beside = {row: taken.beside(row) for row in bad.tolist()}
            header = pa.array([beside.get(row) for row in range(n)], pa.string())

        added = {
            "_source_file": pa.repeat(origin.path, n),
            "_delivered_on": pa.repeat(pa.scalar(origin.day, pa.date32()), n),
            "_place": pa.array(origin.place + taken.starts),
            "_line": pa.array(lines, mask=is_good),
            "_raw": pa.array(raws, pa.binary()),
            "_layout": of_bad(origin.layout),
            "_header": header,
        }
        known = {name: judged[name] for name in judged.column_names} | added
        table = pa.table([known[name] for name in self._schema.names], self._schema.names)
        table = table.cast(self._schema)
        return table.combine_chunks().to_batches()[0]


def _left_out(taken: Taken) -> NDArray[np.bool_]:
    return np.zeros(len(taken.starts), np.bool_) if taken.left_out is None else taken.left_out
