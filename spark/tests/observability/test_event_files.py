from __future__ import annotations

import gzip
import os

import pyarrow as pa
import pytest
from eventlogs import EVENTS, text, write

from lakehouse.errors import ConfigError, EventLogError
from lakehouse.observability.event_files import find_log, read_lines

LINES = text().splitlines()


def lz4(data: bytes, block: int = 1_000) -> bytes:
    """As Spark packs it: blocks of its own, one of them stored as it is."""
    out = b""
    for start in range(0, len(data), block):
        piece = data[start : start + block]
        packed = pa.compress(piece, "lz4_raw", asbytes=True) if start else piece
        method = 0x26 if start else 0x16
        sizes = len(packed).to_bytes(4, "little") + len(piece).to_bytes(4, "little")
        out += b"LZ4Block" + bytes([method]) + sizes + b"\0\0\0\0" + packed
    return out + b"LZ4Block" + bytes([0x16]) + bytes(12)


PACKERS = {
    "plain": lambda data: data,
    "zstd": lambda data: pa.compress(data, "zstd", asbytes=True),
    "zstd in two frames": lambda data: b"".join(
        pa.compress(part, "zstd", asbytes=True) for part in (data[:500], data[500:])
    ),
    "gzip": gzip.compress,
    "lz4": lz4,
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_log_reads_the_same_however_it_is_packed(tmp_path, name):
    path = tmp_path / "events"
    path.write_bytes(PACKERS[name](text()))
    assert [line for line, _ in read_lines(path)] == LINES


def test_a_line_longer_than_what_is_read_at_once_stays_whole(tmp_path):
    long = {"Event": "SparkListenerEnvironmentUpdate", "much": "x" * 300_000}
    path = write(tmp_path / "events", [EVENTS[0], long, EVENTS[1]])
    assert [len(line) for line, _ in read_lines(path)][1] > 300_000


@pytest.mark.parametrize("name", ["gzip", "lz4"])
def test_a_block_that_is_cut_ends_the_log(tmp_path, name):
    path = tmp_path / "events"
    packed = PACKERS[name](text() * 20)
    path.write_bytes(packed[: 3 * len(packed) // 4])
    *found, last = (line for line, _ in read_lines(path))
    whole = LINES * 20
    assert 1 < len(found) < len(whole)
    assert found == whole[: len(found)]
    assert whole[len(found)].startswith(last)


def test_a_rolling_log_is_read_in_the_order_of_its_numbers(tmp_path):
    folder = tmp_path / "eventlog_v2_local-1"
    folder.mkdir()
    (folder / "appstatus_local-1").touch()
    for n, (start, end) in {1: (0, 3), 2: (3, 9), 10: (9, 99)}.items():
        write(folder / f"events_{n}_local-1", EVENTS[start:end])
    (folder / ".events_1_local-1.crc").write_bytes(b"crc")
    found = list(read_lines(folder))
    assert [line for line, _ in found] == LINES
    assert found[3][1] == f"{folder}/events_2_local-1:1"


def test_a_compacted_file_stands_for_those_before_it(tmp_path):
    folder = tmp_path / "eventlog_v2_local-1"
    folder.mkdir()
    for name, part in {
        "events_1_local-1": EVENTS[5:],
        "events_2_local-1": EVENTS[5:],
        "events_2_local-1.compact": EVENTS[:2],
        "events_3_local-1": EVENTS[2:],
    }.items():
        write(folder / name, part)
    assert [line for line, _ in read_lines(folder)] == LINES


def test_of_a_folder_of_logs_the_newest_is_meant(tmp_path):
    for age, name in enumerate(["local-9", "local-1", "eventlog_v2_local-5"]):
        path = tmp_path / name
        if name.startswith("eventlog_v2_"):
            path.mkdir()
            path /= "events_1_local-5"
        write(path)
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "README").write_text("no log")
    (tmp_path / "other").mkdir()
    log, others = find_log(tmp_path)
    assert log.name == "local-9"
    assert [each.name for each in others] == ["local-1", "eventlog_v2_local-5"]
    assert find_log(tmp_path / "local-1") == (tmp_path / "local-1", [])
    rolling = tmp_path / "eventlog_v2_local-5"
    assert find_log(rolling) == (rolling, [])


def test_where_nothing_is_the_argument_is_wrong(tmp_path):
    with pytest.raises(ConfigError, match="no event log at") as raised:
        find_log(tmp_path / "missing")
    assert raised.value.exit_code == 78
    (tmp_path / "README").write_text("no log")
    with pytest.raises(ConfigError, match="no event log below"):
        find_log(tmp_path)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_another_file_is_not_taken_for_a_log(tmp_path, packed):
    path = tmp_path / "rows.jsonl"
    data = b'{"user_id":"a"}\n' * 9
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(EventLogError, match=r"rows\.jsonl is not a Spark event log"):
        list(read_lines(path))


@pytest.mark.parametrize("name", ["local-1", "eventlog_v2_local-1"])
def test_an_empty_log_is_said_to_be_empty(tmp_path, name):
    path = tmp_path / name
    path.mkdir() if name.startswith("event") else path.touch()
    with pytest.raises(EventLogError, match="is empty"):
        list(read_lines(path))
