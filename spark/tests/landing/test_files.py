"""Which landing files are new, changed or gone, and what each is."""

from __future__ import annotations

import gzip
import os
from datetime import date

import pytest

from lakehouse.errors import InputQualityError
from lakehouse.io.state import StateStore
from lakehouse.landing import reader
from lakehouse.landing.days import day_of
from lakehouse.landing.files import Delivery, Files, Look, deliveries, listed, unclaimed
from lakehouse.settings import load_settings
from lakehouse.spec import Field, Source

LOOK = Look(Source(name="things", doc="Things.", fields=(Field("id"),)), "code", 1000)


def position(manifest):
    return Delivery((), (), (), (), consumed=manifest).position


def take(raw, known):
    delivery = deliveries(str(raw), LOOK, known)
    return delivery, delivery.manifest


def write(raw, path, content="{}\n"):
    target = raw / path
    target.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    target.write_bytes(gzip.compress(data, mtime=0) if path.endswith(".gz") else data)
    return target


def test_files_beside_and_below_the_source_name_are_found(tmp_path):
    write(tmp_path, "things.jsonl")
    write(tmp_path, "things/2026/01.csv.gz", "id\n1\n")
    write(tmp_path, "things/_SUCCESS")
    write(tmp_path, "things/.hidden.jsonl")
    write(tmp_path, "thingsandmore.jsonl")
    delivery, _ = take(tmp_path, {})
    assert {each.path for each in delivery.new} == {"things.jsonl", "things/2026/01.csv.gz"}


def test_a_file_is_new_once_then_unchanged_changed_or_gone(tmp_path):
    first = write(tmp_path, "things/a.jsonl", '{"id": 1}\n')
    write(tmp_path, "things/b.jsonl", '{"id": 2}\n')
    _, known = take(tmp_path, {})
    os.utime(first, ns=(1, 1))  # touched, same content
    delivery, known = take(tmp_path, known)
    assert (delivery.new, delivery.changed) == ((), ())
    first.write_text('{"id": 3}\n')
    (tmp_path / "things/b.jsonl").unlink()
    write(tmp_path, "things/c.jsonl")
    delivery, _ = take(tmp_path, known)
    assert [each.path for each in delivery.changed] == ["things/a.jsonl"]
    assert [each.path for each in delivery.new] == ["things/c.jsonl"]
    assert delivery.gone == ("things/b.jsonl",)


def set_back(path, stat):
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def written_in_place(path, content):
    stat = path.stat()
    path.write_text(content)
    set_back(path, stat)


def put_in_its_place(path, content):
    stat, other = path.stat(), path.with_name("other")
    other.write_text(content)
    set_back(other, stat)
    other.rename(path)


@pytest.mark.parametrize("rewrite", [written_in_place, put_in_its_place])
def test_other_content_of_the_same_size_and_time_is_a_change(tmp_path, rewrite):
    path = write(tmp_path, "things.jsonl", '{"id": 1}\n')
    _, known = take(tmp_path, {})
    before = path.stat()
    rewrite(path, '{"id": 2}\n')
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert take(tmp_path, known)[0].corrected == ("things.jsonl",)


def test_a_file_that_is_only_moved_about_is_opened_once_more(tmp_path):
    path = write(tmp_path, "things.jsonl", '{"id": 1}\n')
    _, known = take(tmp_path, {})
    put_in_its_place(path, '{"id": 1}\n')
    delivery, again = take(tmp_path, known)
    assert (delivery.corrected, delivery.unchanged[0].known) == ((), None)
    assert position(again) == position(known)
    assert take(tmp_path, again)[0].unchanged[0].known is not None


def test_a_look_afresh_believes_nothing(tmp_path):
    write(tmp_path, "things.jsonl", '{"id": 1}\n')
    _, known = take(tmp_path, {})
    known["things.jsonl"]["digest"] = "of other bytes"
    assert deliveries(str(tmp_path), LOOK, known).corrected == ()
    assert deliveries(str(tmp_path), LOOK, known, afresh=True).corrected == ("things.jsonl",)


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("things/2026-01-05.jsonl", date(2026, 1, 5)),
        ("things/date=2026-01-05/part-0.csv.gz", date(2026, 1, 5)),
        ("things/20260105.jsonl", date(2026, 1, 5)),
        ("things/2025-12-31/until_2026-01-05.jsonl", date(2026, 1, 5)),
        ("things/2026-02-30.jsonl", None),
        ("things/1234567890123.jsonl", None),
        ("things/2026-0105.jsonl", None),
        ("things/2026/01/06/part.csv", date(2026, 1, 6)),
        ("things/year=2026/month=01/day=07/part.csv", date(2026, 1, 7)),
        ("things/y=2026/m=1/d=7/part.csv", date(2026, 1, 7)),
        ("things/2026_01_09.csv", date(2026, 1, 9)),
        ("things/2026.01.09.csv", date(2026, 1, 9)),
        ("things/dt=2026-01-08/part.csv", date(2026, 1, 8)),
        ("things/events_2026-01-05T10:00:00.csv", date(2026, 1, 5)),
        ("things/users_2026-01-07_batch-20301231.csv", date(2026, 1, 7)),
        ("things/20260107/batch_1.csv", date(2026, 1, 7)),
        ("things.jsonl", None),
    ],
)
def test_a_path_tells_the_day_of_its_file(path, day):
    assert day_of(path) == day


def test_new_files_dated_after_the_day_wait(tmp_path):
    write(tmp_path, "things.jsonl")
    first = write(tmp_path, "things/2026-01-05.jsonl")
    write(tmp_path, "things/2026-01-06.jsonl")
    delivery = deliveries(str(tmp_path), LOOK, {}, date(2026, 1, 5))
    assert {each.path for each in delivery.new} == {"things.jsonl", "things/2026-01-05.jsonl"}
    assert delivery.waiting == ("things/2026-01-06.jsonl",)
    known = delivery.manifest
    first.write_text('{"corrected": true}\n')
    delivery = deliveries(str(tmp_path), LOOK, known, date(2026, 1, 4))
    assert [each.path for each in delivery.changed] == ["things/2026-01-05.jsonl"]
    assert delivery.gone == ()


def test_the_manifest_hash_follows_content_and_not_time(tmp_path):
    target = write(tmp_path, "things.jsonl")
    _, known = take(tmp_path, {})
    os.utime(target, ns=(1, 1))
    _, touched = take(tmp_path, {})
    assert position(known) == position(touched)
    target.write_text("[]")
    _, changed = take(tmp_path, {})
    assert position(known) != position(changed)


@pytest.mark.parametrize(
    ("path", "content", "layout", "header"),
    [
        ("things.json", ' \n[{"id": 1}]', "array", None),
        ("things.json", '{"id": 1}\n', "lines", None),
        ("things.json", '{\n"id": 1\n}\n', "objects", None),
        ("things.json.gz", "[]", "array", None),
        ("things.jsonl", "[1, 2]\n{}\n", "lines", None),
        ("things.csv", "\ufeffid,name\r\n1,a\r\n", "csv", "id,name"),
        ("things.tsv", "name\tid\na\t1\n", "csv", "name\tid"),
        ("things.csv", "", "csv", ""),
    ],
    ids=["array", "lines", "pretty", "gz", "bracket in .jsonl", "BOM", "tabs", "empty csv"],
)
def test_the_layout_follows_from_the_content(tmp_path, path, content, layout, header):
    write(tmp_path, path, content)
    delivery, _ = take(tmp_path, {})
    assert (delivery.new[0].content.layout, delivery.new[0].content.header) == (layout, header)


def test_a_truncated_gzip_stops_the_run_and_names_the_file(tmp_path):
    target = write(tmp_path, "things/a.jsonl.gz", '{"id": 1}\n' * 1000)
    target.write_bytes(target.read_bytes()[:-20])
    with pytest.raises(InputQualityError) as raised:
        take(tmp_path, {})
    assert raised.value.details["path"] == "things/a.jsonl.gz"


def test_a_file_that_is_no_gzip_stops_the_run(tmp_path):
    (tmp_path / "things.jsonl.gz").write_bytes(b'{"id": 1}')
    with pytest.raises(InputQualityError):
        take(tmp_path, {})


def test_an_unknown_extension_is_not_passed_over(tmp_path):
    write(tmp_path, "things/a.xlsx")
    with pytest.raises(InputQualityError):
        take(tmp_path, {})


@pytest.fixture
def opened(monkeypatch):
    """Paths of the files that were read to know their content."""
    seen = []
    inspect = reader.inspect
    monkeypatch.setattr(
        reader,
        "inspect",
        lambda uri, path, *a, **k: seen.append(path) or inspect(uri, path, *a, **k),
    )
    return seen


def feed_of(tmp_path, code="code"):
    states = StateStore(load_settings(root=str(tmp_path)))
    return Files(str(tmp_path / "raw"), LOOK.source, states, code=code, max_record_bytes=1000)


def test_a_look_opens_no_new_file_and_a_run_opens_each_once(tmp_path, opened):
    feed = feed_of(tmp_path)
    write(tmp_path / "raw", "things/a.jsonl")
    write(tmp_path / "raw", "things/b.jsonl", "{}\n")
    delivery = feed.look(None, None)
    assert (delivery.has_new, delivery.news) == (True, "2 new files")
    assert opened == []
    position = delivery.position
    feed.remember(delivery)
    assert [each.content.layout for each in delivery.files(whole=True)] == ["lines", "lines"]
    assert sorted(opened) == ["things/a.jsonl", "things/b.jsonl"]
    again = feed.look(position, None)
    assert (again.has_new, again.corrected, again.position) == (False, (), position)
    assert len(opened) == 2


def test_a_touched_file_is_opened_once_more_and_then_known(tmp_path, opened):
    feed = feed_of(tmp_path)
    target = write(tmp_path / "raw", "things/a.jsonl")
    first = feed.look(None, None)
    feed.remember(first)
    os.utime(target, ns=(1, 1))
    touched = feed.look(first.position, None)
    assert (touched.has_new, touched.corrected) == (False, ())
    assert len(opened) == 2
    feed.remember(touched)
    assert feed.look(first.position, None).position == first.position
    assert len(opened) == 2


def test_what_other_code_found_out_of_a_file_is_not_believed(tmp_path, opened):
    write(tmp_path / "raw", "things/a.jsonl")
    first = feed_of(tmp_path).look(None, None)
    feed_of(tmp_path).remember(first)
    (same,) = feed_of(tmp_path).look(first.position, None).files(whole=True)
    (other,) = feed_of(tmp_path, code="new").look(first.position, None).files(whole=True)
    assert (same.known, other.known) == (first.new[0].content, None)
    assert len(opened) == 1
    assert other.content == same.content
    assert len(opened) == 2


def test_files_beside_have_endings_of_any_case(tmp_path):
    for name in ("things.CSV.GZ", "things.Parquet", "things.txt", "Things.csv", "things.a.csv"):
        (tmp_path / name).write_bytes(b"")
    found = deliveries(str(tmp_path), LOOK, {}).new
    assert {each.path for each in found} == {"things.CSV.GZ", "things.Parquet", "things.a.csv"}


def test_files_that_no_source_claims_are_found(tmp_path):
    for path in (
        *("things.csv", "things.a.csv", "things/2026/x.csv", "truth.json", ".hidden.csv"),
        *("other.csv", "others/2026/y.csv", "others/_SUCCESS", "notes.txt"),
    ):
        write(tmp_path, path)
    assert unclaimed(str(tmp_path), {"things": LOOK.source}) == [
        "notes.txt",
        "other.csv",
        "others/2026/y.csv",
    ]
    assert unclaimed(str(tmp_path / "nowhere"), {"things": LOOK.source}) == []
    assert listed([f"{n}.csv" for n in range(7)]).endswith("4.csv and 2 more")
