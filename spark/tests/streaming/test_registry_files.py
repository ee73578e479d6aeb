"""The registry's files: several writers, writers that are killed, files that somebody changed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from itertools import chain

import pytest
from streaming.registry_process import proposal, serving, start

from lakehouse.errors import ConfigError, LockedError, RegistryDamagedError, RegistryRefusedError
from lakehouse.settings import load_settings
from lakehouse.streaming import registry_files
from lakehouse.streaming.registry import Registry
from lakehouse.streaming.registry_files import Files, folder_of
from lakehouse.streaming.registry_server import assert_sound

MANY = 50
WRITER = """
import json, sys
from pathlib import Path
from lakehouse.streaming.registry import Registry
from lakehouse.streaming.registry_files import Files

folder, name, many = sys.argv[1:]
registry = Registry(Files(Path(folder)))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(many)):
    whose = "both" if number % 2 else name
    text = json.dumps({"description": f"{whose} {number}"})
    made = registry.register(f"{name}.{number % 10}", text)
    print(made.id, text, flush=True)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "registry"


@pytest.fixture
def registry(folder):
    return Registry(Files(folder))


def writer(folder, name, many):
    """A process that registers schemas as soon as it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(many)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def ids_of(folder):
    """The content of each id, from the files themselves."""
    found = {}
    for path in (folder / "subjects").glob("*.json"):
        for version in json.loads(path.read_text("utf-8"))["versions"]:
            found.setdefault(version["id"], set()).add(version["schema"])
    return found


@pytest.mark.concurrency
def test_two_processes_register_at_once(folder, registry):
    writers = [writer(folder, name, MANY) for name in ("one", "two")]
    for each in writers:
        each.stdin.write("go\n")
        each.stdin.flush()
    told = [each.communicate()[0].splitlines() for each in writers]
    assert [len(lines) for lines in told] == [MANY, MANY]
    ids = ids_of(folder)
    assert len(ids) == 75, "25 of each, and 25 of both"
    assert all(len(texts) == 1 for texts in ids.values())
    for line in chain(*told):
        made, text = line.split(" ", 1)
        assert ids[int(made)] == {text}
    assert [len(registry.versions(name)) for name in registry.names()] == [5] * 20
    assert_sound(registry)


def taken_at_once(registry, monkeypatch):
    """Ids that two threads take, each of which waits before it writes until both have read."""
    both = threading.Barrier(2)
    write = registry_files.write_json

    def waiting(uri, content):
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=0.5)
        write(uri, content)

    monkeypatch.setattr(registry_files, "write_json", waiting)
    texts = ('{"const": 1}', '{"const": 2}')
    threads = [
        threading.Thread(target=registry.register, args=(f"s{number}", text))
        for number, text in enumerate(texts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [registry.version(f"s{number}", 1).id for number in range(2)]


def test_the_lock_is_what_keeps_ids_apart(registry, folder, monkeypatch):
    assert sorted(taken_at_once(registry, monkeypatch)) == [1, 2]
    monkeypatch.setattr(Files, "locked", lambda _: contextlib.nullcontext())
    unlocked = Registry(Files(folder.with_name("unlocked")))
    assert taken_at_once(unlocked, monkeypatch) == [1, 1]
    with pytest.raises(RegistryDamagedError, match="also that of another schema"):
        assert_sound(unlocked)


def test_who_waits_too_long_is_told(registry, monkeypatch):
    monkeypatch.setattr(registry_files, "PATIENCE_S", 0.05)
    with registry.files.locked(), pytest.raises(LockedError) as caught:
        registry.register("s", "true")
    assert caught.value.exit_code == 75
    registry.register("s", "true")


@pytest.mark.crash
@pytest.mark.parametrize("after", [1, 9, 30])
def test_a_writer_killed_in_the_middle_leaves_what_it_told(after, folder, registry):
    process = writer(folder, "one", 10_000)
    process.stdin.write("go\n")
    process.stdin.flush()
    told = [process.stdout.readline().split(" ", 1) for _ in range(after)]
    process.kill()
    told += [line.split(" ", 1) for line in process.communicate()[0].splitlines() if "}" in line]
    assert_sound(registry)
    ids = ids_of(folder)
    for made, text in told:
        assert ids[int(made)] == {text.strip()}
    assert registry.register("other", '{"const": "new"}').id > max(ids)
    assert not [path for path in folder.rglob(".*") if path.name != ".lock"]


@pytest.mark.crash
@pytest.mark.parametrize(
    ("point", "versions", "following"),
    [("registry_id_taken", 0, 2), ("registry_registered", 1, 1)],
)
def test_a_registry_killed_between_id_and_file(point, versions, following, folder):
    with serving(folder, fault=f"{point}@s") as served:
        with pytest.raises(Exception, match="disconnected"):
            served.ask("POST", "/subjects/s/versions", proposal("true"))
        assert served.process.wait(10) == -9
    with serving(folder) as served:
        assert len(Registry(Files(folder)).files.subjects().get("s", _Nobody).versions) == versions
        assert served.register("s", "true") == following, "an id that was taken is spent"
        assert served.get("/subjects/s/versions") == [1]


class _Nobody:
    versions = ()


def test_what_a_killed_writer_left_is_no_subject_and_is_removed_at_the_start(registry, folder):
    name = ".x.json." + "0" * 32
    registry.register(name, "true")
    subjects = folder / "subjects"
    (subjects / name).write_text("{")
    (folder / f".ids{name[2:]}").write_text("{")
    assert registry.names() == [name]
    assert_sound(registry)
    assert [path.name for path in subjects.iterdir()] == [f"{name}.json"]
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "ids.json", "subjects"]


def test_another_process_sees_what_was_written(registry, folder):
    other = Registry(Files(folder))
    assert other.names() == []
    registry.register("s", '{"type": "integer"}')
    assert [each.number for each in other.versions("s")] == [1]
    registry.register("s", '{"type": "number"}')
    assert [each.number for each in other.versions("s")] == [1, 2]
    registry.delete_subject("s")
    registry.delete_subject("s", permanent=True)
    assert other.names(deleted=True) == []


def rewrite(folder, subject, change):
    path = folder / "subjects" / f"{subject}.json"
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), "utf-8")


def narrowed(content):
    content["versions"][1]["schema"] = '{"type": "boolean"}'


def two_versions(registry, level="BACKWARD"):
    registry.choose_level(level, "s")
    registry.register("s", '{"type": "integer"}')
    return registry.register("s", '{"type": "number"}')


def test_versions_are_compared_again_at_the_start(registry, folder):
    two_versions(registry)
    assert_sound(registry)
    rewrite(folder, "s", narrowed)
    with pytest.raises(RegistryDamagedError) as caught:
        assert_sound(registry)
    assert caught.value.exit_code == 65
    (problem,) = caught.value.details["problems"]
    assert problem.startswith("s version 2: the record was integer, and is boolean")


def test_the_process_does_not_start_on_such_files_unless_it_is_told_to(registry, folder):
    two_versions(registry)
    rewrite(folder, "s", narrowed)
    process = start(folder)
    said = process.communicate(timeout=60)
    assert process.returncode == 65
    assert said[0] == ""
    assert "s version 2" in said[1]
    with serving(folder, "--unchecked") as served:
        assert served.ask("DELETE", "/subjects/s/versions/2") == (200, 2)
        assert served.ask("DELETE", "/subjects/s/versions/2?permanent=true") == (200, 2)
    assert_sound(registry)


def test_what_was_registered_without_a_check_is_not_checked_later(registry):
    two_versions(registry, "NONE")
    registry.register("s", '{"type": "boolean"}')
    registry.choose_level("BACKWARD", "s")
    assert_sound(registry)
    with pytest.raises(RegistryRefusedError):
        registry.register("s", '{"type": "null"}')


def test_a_version_is_held_to_those_that_it_was_compared_with(registry):
    registry.register("s", '{"properties": {"a": {"type": "string"}}}')
    registry.register("s", "{}")
    registry.register("s", '{"properties": {"a": {"type": "integer"}}}')
    registry.delete_version("s", 2)
    registry.delete_version("s", 2, permanent=True)
    assert_sound(registry)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"subject": "s"}', "", b"\xff"])
def test_a_damaged_file_is_named(content, registry, folder):
    two_versions(registry)
    path = folder / "subjects" / "s.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for ask in (registry.names, lambda: registry.register("t", "true")):
        with pytest.raises(RegistryDamagedError) as caught:
            ask()
        assert caught.value.details["path"] == str(path)


def test_a_copy_under_another_name_is_named(registry, folder):
    two_versions(registry)
    subjects = folder / "subjects"
    (subjects / "t.json").write_bytes((subjects / "s.json").read_bytes())
    with pytest.raises(RegistryDamagedError, match=r"t\.json"):
        registry.names()


def test_spent_ids_are_not_forgotten(registry, folder):
    for number in range(3):
        registry.register("s", json.dumps({"description": str(number)}))
    registry.delete_subject("s")
    registry.delete_subject("s", permanent=True)
    assert registry.register("s", '{"description": "0"}').id == 4
    (folder / "ids.json").unlink()
    with pytest.raises(RegistryDamagedError):
        registry.register("s", '{"description": "1"}')
    (folder / "ids.json").write_text('{"next": 2}')
    assert registry.register("s", '{"description": "1"}').id == 5, "never below one in use"


def test_a_level_that_nobody_knows_is_no_level(registry, folder):
    two_versions(registry)
    rewrite(folder, "s", lambda content: content.update(compatibility="SOME"))
    with pytest.raises(RegistryDamagedError):
        registry.register("s", "true")


def test_where_it_is(tmp_path):
    assert folder_of(load_settings(root=str(tmp_path))) == tmp_path / ".registry"
    with pytest.raises(ConfigError):
        folder_of(load_settings(root="s3a://bucket/lake"))
