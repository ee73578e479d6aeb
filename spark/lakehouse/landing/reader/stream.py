"""The bytes of a landing file as UTF-8 text, in chunks."""

from __future__ import annotations

import codecs
import zlib
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakehouse.errors import InputQualityError, StorageError
from lakehouse.io import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHUNK = 4 << 20
HEAD = 1 << 16
"""Bytes that tell how a text is written; more than a byte order mark has."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def chunks(  # noqa: PLR0913  # which bytes of which file, and who wants to see them
    uri: str,
    path: str,
    *,
    encoding: str | None = None,
    start: int = 0,
    end: int | None = None,
    see: Callable[[bytes], object] | None = None,
) -> Iterator[bytes]:
    """The text of a file: decompressed, without its byte order mark, as UTF-8.

    Args:
        uri: Where it is.
        path: Its name, which tells how it is compressed.
        encoding: Of the text; None = UTF-8, unless a byte order mark says otherwise.
        start: First byte to read; above 0 only of files that are plain UTF-8.
        end: Where to stop; None = the end of the file.
        see: Called with the bytes as they are stored.

    Raises:
        InputQualityError: It is not what its name says, or ends early.
        StorageError: It may not be read.
    """
    raw = stored(uri, path, start=start, end=end, see=see)
    plain = _decompressed(raw, path)
    return plain if start else _as_utf8(plain, encoding)


def is_plain_utf8(uri: str, path: str) -> bool:
    """Whether the bytes of a file are its text, so that it can be read from the middle."""
    if path.lower().endswith((".gz", ".zst")):
        return False
    head = next(stored(uri, path, end=1 << 20), b"")
    is_marked = any(head.startswith(mark) for mark, _ in _BOMS)
    return not is_marked and not _has_returns_only(head)


def stored(
    uri: str,
    path: str,
    *,
    start: int = 0,
    end: int | None = None,
    see: Callable[[bytes], object] | None = None,
) -> Iterator[bytes]:
    """The bytes of a file as they are stored; see `chunks`."""
    filesystem, inner = files.locate(uri)
    try:
        with filesystem.open_input_file(inner) as stream:
            stream.seek(start)
            left = None if end is None else end - start
            while chunk := stream.read(CHUNK if left is None else min(CHUNK, left)):
                if left is not None:
                    left -= len(chunk)
                if see:
                    see(chunk)
                yield chunk
    except PermissionError as error:
        message = f"no permission to read landing file {path}; grant it and run again"
        raise StorageError(message, path=path) from error


def _decompressed(stored: Iterator[bytes], path: str) -> Iterator[bytes]:
    name = path.lower()
    if name.endswith(".gz"):
        return _gunzipped(stored, path)
    if name.endswith(".zst"):
        return _unzstd(stored, path)
    return stored


def _gunzipped(stored: Iterator[bytes], path: str) -> Iterator[bytes]:
    inflate, is_begun = zlib.decompressobj(wbits=31), False
    try:
        for chunk in stored:
            rest = chunk
            while rest:
                if inflate.eof:  # another member, unless it is padding
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    inflate, is_begun = zlib.decompressobj(wbits=31), False
                is_begun = True
                yield inflate.decompress(rest, CHUNK)
                while inflate.unconsumed_tail:
                    yield inflate.decompress(inflate.unconsumed_tail, CHUNK)
                rest = inflate.unused_data
    except zlib.error as error:
        message = f"landing file {path} is not valid gzip ({error}); deliver it again"
        raise InputQualityError(message, path=path) from error
    if is_begun and not inflate.eof:
        message = f"landing file {path} is truncated (the gzip stream ends early); deliver it again"
        raise InputQualityError(message, path=path)


def _unzstd(stored: Iterator[bytes], path: str) -> Iterator[bytes]:
    with closing(_Readable(stored)) as source:
        try:
            with pa.CompressedInputStream(pa.PythonFile(source, mode="r"), "zstd") as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
        except OSError as error:
            message = f"landing file {path} is not a complete zstd file ({error}); deliver it again"
            raise InputQualityError(message, path=path) from error


class _Readable:
    """Chunks as a file that can be read, for Arrow."""

    closed = False

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while not self._rest or size < 0:
            part = next(self._parts, None)
            if part is None:
                break
            self._rest += part
        cut = len(self._rest) if size < 0 else size
        found, self._rest = self._rest[:cut], self._rest[cut:]
        return found

    def close(self) -> None:
        self.closed = True


def _as_utf8(plain: Iterator[bytes], encoding: str | None) -> Iterator[bytes]:
    first = b""
    for part in plain:
        first += part
        if len(first) >= HEAD:
            break
    chunk, decoder = _decoder(first, encoding)
    is_old_mac = False
    for number, part in enumerate(chain([chunk], plain)):
        text = decoder.decode(part).encode() if decoder else part
        is_old_mac = _has_returns_only(text) if not number else is_old_mac
        yield text.replace(b"\r", b"\n") if is_old_mac else text
    if decoder:
        yield decoder.decode(b"", final=True).encode()


def _has_returns_only(text: bytes) -> bool:
    """Whether lines end as they did on a Mac of the last century."""
    return b"\r" in text[:-1] and b"\n" not in text


def _decoder(first: bytes, encoding: str | None) -> tuple[bytes, Any]:
    """The first bytes without their mark, and what decodes them; None for UTF-8."""
    for mark, name in _BOMS:
        if first.startswith(mark):
            decoder = None if name == "utf-8" else codecs.getincrementaldecoder(name)("replace")
            return first[len(mark) :], decoder
    if encoding in {None, "utf-8"}:
        return first, None
    return first, codecs.getincrementaldecoder(encoding)("replace")
