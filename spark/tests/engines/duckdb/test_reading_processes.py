"""Processes of our own that read what landed: they say what threads say, and end with us."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import psutil
import pyarrow.parquet as pq
import pytest
from readers import landed

from lakehouse.engines.duckdb.readers import Readers, Task
from lakehouse.errors import EngineError, InputQualityError
from lakehouse.landing import reader
from lakehouse.spec import INT, Field, Source

SOURCE = Source(name="things", doc="Things.", fields=(Field("id", required=True), Field("n", INT)))
SCRIPT = """
import sys, time
from lakehouse.engines.duckdb.readers import Readers
from lakehouse.spec import Source
from lakehouse.engines.duckdb.readers import Task

readers = Readers(much_bytes=0)
source = Source(name="s", doc="S.", fields=())
readers.run([Task((), source, 9, sys.argv[1] + f"/{n}") for n in "ab"])
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def readers():
    made = Readers(much_bytes=0)
    yield made
    made.close()


def tasks(folder, *texts):
    """A task for each text."""
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        path = folder / f"{number}.csv"
        path.write_text(f"id,n\n{text}")
        (part,) = reader.parts_of([landed(path, SOURCE)])
        yield Task((replace(part, number=number),), SOURCE, 1000, str(folder / f"{number}.parquet"))


def rows(done):
    return [pq.read_table(each.path).to_pylist() for each in done]


def processes():
    return [each for each in psutil.Process().children() if "serve()" in " ".join(each.cmdline())]


def test_processes_make_the_same_rows_as_threads(tmp_path, readers):
    texts = ("a,1\nb,2\n", "c,many\n,3\n", "", "d,4\n")
    by_threads, by_processes = (list(tasks(tmp_path / name, *texts)) for name in ("t", "p"))
    Readers().run(by_threads)
    assert not processes()
    readers.run(by_processes)
    assert len(processes()) > 1
    assert rows(by_processes) == rows(by_threads)
    assert [len(each) for each in rows(by_processes)] == [2, 2, 0, 1]


def test_an_error_comes_as_it_is_and_the_process_stays(tmp_path, readers):
    good, bad = tasks(tmp_path, "a,1\n", "b,2\n")
    (part,) = bad.parts
    with pytest.raises(InputQualityError, match=r"1\.csv changed while it was read") as caught:
        readers.run([good, replace(bad, parts=(replace(part, records=2),))])
    assert caught.value.details == {"path": "1.csv"}
    known = {each.pid for each in processes()}
    readers.run([good, bad])
    assert known & {each.pid for each in processes()}
    assert [len(each) for each in rows([good, bad])] == [1, 1]


def test_who_lost_a_process_is_told_and_the_next_one_reads(tmp_path, readers):
    (task,) = tasks(tmp_path, "a,1\n")
    readers.run([task] * 6)
    for each in processes():
        each.kill()
        each.wait()
    with pytest.raises(EngineError, match="ended; run again"):
        readers.run([task] * 6)
    readers.run([task] * 6)
    assert len(rows([task])[0]) == 1


def test_processes_end_with_the_one_that_started_them(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        children = psutil.Process(process.pid).children()
        process.kill()
    assert children
    _, alive = psutil.wait_procs(children, timeout=60)
    for each in alive:
        each.kill()
    assert not alive


def test_what_is_little_is_left_to_threads(tmp_path):
    (task,) = tasks(tmp_path, "a,1\n")
    assert task.size == len("id,n\na,1\n")
    patient = Readers(much_bytes=task.size + 1)
    patient.run([task])
    assert not processes()
    patient.close()
