"""A landing file, read once: its hash, how it is written, where it may be cut."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from lakehouse.errors import InputQualityError
from lakehouse.landing.content import Content, Split
from lakehouse.landing.kinds import kind_of
from lakehouse.landing.reader import stream
from lakehouse.landing.reader.csv_format import Csv
from lakehouse.landing.reader.dialect import DELIMITERS, Header, header_of, header_text
from lakehouse.landing.reader.json_format import Elements, Lines
from lakehouse.landing.reader.json_records import is_closed, may_be_document
from lakehouse.landing.reader.mapped import Mapped, view_of
from lakehouse.landing.reader.parquet_format import rows_of
from lakehouse.landing.reader.text_format import Texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lakehouse.landing.reader.taken import Format
    from lakehouse.spec import Source
    from lakehouse.spec.mapping import Mapping

HEAD = 1 << 16
SPLIT = 64 << 20
"""Bytes that one task reads, about: a larger file is cut where a record begins."""
LONGEST_RECORD = 256 << 20
"""A file with a longer record is refused: it would have to stand in memory."""
FALLBACK_ENCODING = "cp1252"
"""Of a CSV file whose header is not UTF-8."""
UNREADABLE = "\ufffd"
Found = TypeVar("Found")


def inspect(uri: str, path: str, source: Source, *, max_record_bytes: int) -> Content:
    """Read a file once.

    Raises:
        InputQualityError: It is not what its name says, or ends early.
        StorageError: It may not be read.
    """
    hashed = hashlib.blake2b(digest_size=16)
    mapping = source.mapping_of(path)
    if kind_of(path, mapping) == "parquet":
        n_rows = rows_of(uri, path)
        for chunk in stream.stored(uri, path):
            hashed.update(chunk)
        return Content(hashed.hexdigest(), "parquet", splits=(Split(0, 1, n_rows),))
    form = _form(uri, path, view_of(mapping) if mapping else source, mapping)
    # Counting reads the file, and reading it hashes it: in this order.
    splits = tuple(_splits(uri, path, form, source, longest=max_record_bytes, see=hashed.update))
    return replace(form, digest=hashed.hexdigest(), splits=splits)


def _form(uri: str, path: str, source: Source, mapping: Mapping | None) -> Content:
    """How a file is written, without its hash."""
    kind, told = kind_of(path, mapping), mapping.encoding if mapping else None
    if kind == "text":
        return Content("", "text", encoding=told)
    head = b""
    for chunk in stream.chunks(uri, path, encoding=told):
        head += chunk[: HEAD - len(head)]
        if len(head) == HEAD:
            break
    if kind == "csv":
        return _csv_form(head, source, mapping)
    chunks = stream.chunks(uri, path, encoding=told)
    if may_be_document(head, is_all=len(head) < HEAD) and is_closed(chunks):
        layout = "array" if head.lstrip()[:1] == b"[" else "objects"
        return Content("", layout, encoding=told)
    return Content("", "lines", encoding=told)


def _csv_form(head: bytes, source: Source, mapping: Mapping | None) -> Content:
    """How text with a header, or with columns that a mapping names, is written."""
    told = mapping.encoding if mapping else None
    delimiters = (mapping.delimiter,) if mapping and mapping.delimiter else DELIMITERS
    text = head.decode("utf-8", "replace")
    if mapping and mapping.columns:
        delimiter = mapping.delimiter or _delimiter(text, len(mapping.columns))
        return Content("", "csv", header_text(mapping.columns, delimiter), delimiter, told)
    header, encoding = header_of(text, source.fields, delimiters), told
    if header and not told and UNREADABLE in header.text:
        encoding = FALLBACK_ENCODING
        header = header_of(head.decode(encoding, "replace"), source.fields, delimiters)
    if header is None:
        return Content("", "csv", "")
    return Content("", "csv", header.text, header.delimiter, encoding)


def _delimiter(text: str, n_columns: int) -> str:
    """The delimiter by which the first line has so many columns; a tab where none does."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    fitting = (each for each in DELIMITERS if first.count(each) == n_columns - 1)
    return next(fitting, "\t")


def _splits(  # noqa: PLR0913  # a file, how it is written, and who wants to see its bytes
    uri: str,
    path: str,
    form: Content,
    source: Source,
    *,
    longest: int,
    see: Callable[[bytes], object],
) -> Iterator[Split]:
    """Count the records of a file, and cut it where it is large and can be cut."""
    counting = format_of(form, source, path, longest=longest, is_head=True).count
    may_cut = form.layout in {"csv", "lines", "text"} and form.encoding is None
    may_cut = may_cut and stream.is_plain_utf8(uri, path)
    start, line, n, offset, at_line = 0, 1, 0, 0, 1
    chunks = stream.chunks(uri, path, encoding=form.encoding, see=see)
    for data, used, found in in_chunks(chunks, path, counting):
        n += found
        offset += used
        at_line += data.count(b"\n", 0, used)
        if may_cut and offset - start >= SPLIT:
            yield Split(start, line, n)
            start, line, n = offset, at_line, 0
    yield Split(start, line, n)


def format_of(
    content: Content, source: Source, path: str, *, longest: int, is_head: bool = False
) -> Format:
    """What takes the chunks of a file apart."""
    mapping = source.mapping_of(path)
    if mapping is None:
        return _plain_format(content, source, path, longest=longest, is_head=is_head)
    view = view_of(mapping)
    is_head = is_head and not mapping.columns
    if content.layout == "text":
        text = Texts(view, mapping.line or "", longest=longest)
        return Mapped(text, mapping, source)
    plain = _plain_format(content, view, path, longest=longest, is_head=is_head)
    return Mapped(plain, mapping, source)


def _plain_format(
    content: Content, source: Source, path: str, *, longest: int, is_head: bool
) -> Format:
    """What takes the chunks of a file apart that holds the records of a source."""
    if content.layout == "csv":
        header = Header.of(content.header or "", content.delimiter)
        head_of = path if is_head else None
        return Csv(header, source, longest=longest, head_of=head_of)
    if content.layout == "lines":
        return Lines(source, longest=longest)
    is_array = content.layout == "array"
    return Elements(source, longest=longest, is_array=is_array)


def in_chunks(
    chunks: Iterable[bytes], path: str, use: Callable[..., tuple[Found, int]]
) -> Iterator[tuple[bytes, int, Found]]:
    """Use chunk after chunk; what is left of one stands before the next.

    Args:
        chunks: Text.
        path: The file, for messages.
        use: Called with a chunk and `last`; returns what it found and the bytes it used.

    Raises:
        InputQualityError: A record is too long to be held in memory.
    """
    data, enough = b"", 0
    for chunk in chunks:
        data += chunk
        if len(data) < enough:
            continue
        found, used = use(data, last=False)
        yield data, used, found
        data = data[used:]
        enough = 2 * len(data) if not used else 0  # a long record is not looked at for each chunk
        if len(data) > LONGEST_RECORD:
            message = (
                f"landing file {path} has a record of more than {LONGEST_RECORD >> 20} MB, or "
                "quotes or brackets that are never closed; correct it and deliver it again"
            )
            raise InputQualityError(message, path=path)
    found, used = use(data, last=True)
    yield data, used, found
