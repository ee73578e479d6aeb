"""Spark event logs on disk: which files belong together, and their lines whatever packs them.

A log is a file (`local-1795291594376`), or a rolling folder (`eventlog_v2_local-1795291594376`) of
`events_<n>_…` files. Files are plain or packed by zstd (Spark's default), lz4 or gzip, whatever
they are called. A log that is still being written ends in the middle of a line or of a block.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from lakehouse.errors import ConfigError, EventLogError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK_BYTES = 1 << 13
"""Read at once: what of a packed file that is still being written may be missed at its end."""
ROLLING = "eventlog_v2_"
_EVENTS_FILE = re.compile(r"events_(\d+)_")
_FIRST = b'{"Event":'
_CODECS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b": "gzip"}
# Spark's lz4 is not the frame format that everybody else calls lz4: magic, method and level,
# packed size, size, checksum, block.
_LZ4_MAGIC = b"LZ4Block"
_LZ4_HEAD = struct.Struct("<BiiI")
_LZ4_BLOCK_HEAD = len(_LZ4_MAGIC) + _LZ4_HEAD.size
_LZ4_STORED = 0x10


def find_log(path: Path) -> tuple[Path, list[Path]]:
    """The log that a path means, and the other logs beside it, newest first.

    Args:
        path: A log, or a folder of logs: then its newest is meant.

    Raises:
        ConfigError: Nothing is there, or no log is.
    """
    if not path.exists():
        raise ConfigError(
            f"no event log at {path}; set LAKEHOUSE_EVENT_LOG=<folder> to make a run write one"
        )
    if path.is_file() or path.name.startswith(ROLLING):
        return path, []
    logs = [each for each in path.iterdir() if _is_log(each)]
    if not logs:
        raise ConfigError(f"no event log below {path}; give a log, or a folder that contains logs")
    newest, *others = sorted(logs, key=_age, reverse=True)
    return newest, others


def _is_log(path: Path) -> bool:
    if path.is_dir():
        return path.name.startswith(ROLLING)
    return not path.name.startswith(".") and _starts_as_log(path)


def _starts_as_log(path: Path) -> bool:
    try:
        return next(_chunks(path), b"").startswith(_FIRST)
    except EventLogError:
        return False


def _age(path: Path) -> tuple[float, str]:
    """When something was last written to a log; of two at once the later name wins."""
    return max((each.stat().st_mtime for each in files_of(path)), default=0.0), path.name


def files_of(log: Path) -> list[Path]:
    """The files of a log in the order in which they were written."""
    if log.is_file():
        return [log]
    numbered = [
        (int(match[1]), each) for each in log.iterdir() if (match := _EVENTS_FILE.match(each.name))
    ]
    # A history server may have merged the files up to a number into one.
    merged = max((n for n, each in numbered if each.suffix == ".compact"), default=0)
    wanted = [
        (n, each)
        for n, each in numbered
        if n > merged or (n == merged and each.suffix == ".compact")
    ]
    return [each for _, each in sorted(wanted)]


def read_lines(log: Path) -> Iterator[tuple[bytes, str]]:
    """Every line of a log with the place where it stands; the last may lack its end.

    Raises:
        EventLogError: There is nothing in it, or it does not start as an event log does.
    """
    is_first = True
    for path in files_of(log):
        parts: list[bytes] = []  # of a line that goes on in the next chunk
        number = 1
        for chunk in _chunks(path):
            if is_first and not chunk.startswith(_FIRST):
                raise EventLogError(
                    f"{path} is not a Spark event log: its first line is not an event; give a file "
                    "or folder written with LAKEHOUSE_EVENT_LOG"
                )
            is_first = False
            first, *others = chunk.split(b"\n")
            parts.append(first)
            for other in others:
                yield b"".join(parts), f"{path}:{number}"
                parts = [other]
                number += 1
        if line := b"".join(parts):
            yield line, f"{path}:{number}"
    if is_first:
        raise EventLogError(f"the event log {log} is empty; wait until the run has started")


def _chunks(path: Path) -> Iterator[bytes]:
    """The text of a file, piece by piece, as far as it was written."""
    with path.open("rb") as file:
        head = file.read(len(_LZ4_MAGIC))
        file.seek(0)
        try:
            yield from _lz4_blocks(file) if head == _LZ4_MAGIC else _pieces(file, head)
        except OSError:  # the last block is not whole: all before it was given out
            return


def _pieces(file: BinaryIO, head: bytes) -> Iterator[bytes]:
    codec = next((name for magic, name in _CODECS.items() if head.startswith(magic)), None)
    stream = pa.CompressedInputStream(pa.PythonFile(file), codec) if codec else file
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _lz4_blocks(file: BinaryIO) -> Iterator[bytes]:
    while len(head := file.read(_LZ4_BLOCK_HEAD)) == _LZ4_BLOCK_HEAD:
        method, packed, size, _ = _LZ4_HEAD.unpack(head[len(_LZ4_MAGIC) :])
        block = file.read(packed)
        if len(block) < packed:
            return
        if size:  # an empty block ends a stream
            is_stored = method & 0xF0 == _LZ4_STORED
            yield block if is_stored else pa.decompress(block, size, "lz4_raw", asbytes=True)
