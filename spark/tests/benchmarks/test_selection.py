"""What is asked for decides what runs; a wrong word stops before anything does."""

from __future__ import annotations

import pytest
import typer

from benchmarks import compare
from benchmarks.__main__ import main
from benchmarks.data import Landing
from benchmarks.equality import Judge
from benchmarks.measure import CommandFailedError, Cost
from benchmarks.results import DUCKDB, OURS_DUCKDB, OURS_SPARK, POLARS, Round
from benchmarks.workloads import WORKLOADS, needed


@pytest.mark.parametrize(
    ("named", "run"),
    [
        pytest.param(["W1"], ["W1"], id="first"),
        pytest.param(["W3"], ["W1", "W2", "W3"], id="one-that-reads-others"),
        pytest.param(["W4", "W2"], ["W1", "W2", "W3", "W4"], id="up-to-the-last"),
        pytest.param(["W7"], ["W1", "W2", "W3", "W4", "W5"], id="a-day-needs-all"),
        pytest.param(["W8"], [], id="a-lake-of-its-own"),
        pytest.param(["W8", "W1"], ["W1"], id="both"),
    ],
)
def test_what_a_workload_reads_runs_as_well(named, run):
    assert [each.key for each in needed(named)] == run


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"only": "W3,W33"}, "--only: no W33; there are W1, W2", id="only"),
        pytest.param({"only": " , "}, "--only: no name; there are W1, W2", id="nothing"),
        pytest.param(
            {"peers": "ours-spark,duck"}, "--peers: no duck; there are ours-spark,", id="peers"
        ),
        pytest.param(
            {"peers": "ours-spark"}, "--peers: without duckdb and ours-spark or", id="no-reference"
        ),
        pytest.param(
            {"peers": "duckdb,textbook"}, "--peers: without duckdb and ours-spark or", id="no-ours"
        ),
        pytest.param({"scale": "2m"}, "--scale: no 2m; there are 20k,", id="scale"),
    ],
)
def test_a_wrong_word_is_a_wrong_setting(options, message, tmp_path, capsys):
    defaults = {"scale": "20k", "peers": "ours-duckdb,duckdb", "only": "W1", "rounds": 1}
    with pytest.raises(typer.Exit) as stopped:
        main(**defaults | options, memory="1g", scratch=tmp_path, out=tmp_path)
    assert stopped.value.exit_code == 78
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("peer", [OURS_SPARK, OURS_DUCKDB])
def test_each_of_ours_is_asked_for_its_engine(monkeypatch, tmp_path, peer):
    asked = []

    def measured(command, *_):
        asked.extend(command)
        return Cost(), {"cold": {}, "cold_cost": {}}

    monkeypatch.setattr(compare, "measured", measured)
    monkeypatch.setattr(compare, "link", lambda *_: None)
    landing = Landing(tmp_path, tmp_path, tmp_path / "last", tmp_path / "past", "")
    done = compare._ours(peer, compare.Work(landing, None, ("W8",), "1g"), tmp_path)
    assert asked[asked.index("--engine") + 1] == peer.removeprefix("ours-")
    assert asked[asked.index("--memory") + 1] == "1g"
    assert done.peer == peer


WHOLE = {each.name: {"wall_s": 10.0} for each in WORKLOADS}


def test_all_of_it_is_what_the_process_took_from_its_start():
    told = {"start_s": 7.0, "cold": WHOLE, "warm": {n: {"wall_s": 4.0} for n in WHOLE}}
    told |= {"unchanged": {"wall_s": 0.5}, "references": {"scan": 0.1}}
    found = compare._seconds(told, WORKLOADS)
    assert (found["W6"], found["W6 warm"], found["W3 warm"]) == (57.0, 20.0, 4.0)
    assert (found["unchanged"], found["scan"]) == (0.5, 0.1)


def test_without_a_jvm_nothing_is_warm():
    told = {"start_s": 1.0, "cold": WHOLE, "unchanged": {"wall_s": 0.5}, "references": {}}
    assert compare._seconds(told, WORKLOADS) == {
        **dict.fromkeys(("W1", "W2", "W3", "W4", "W5"), 10.0),
        "W6": 51.0,
        "unchanged": 0.5,
    }


@pytest.mark.parametrize(
    ("failing", "left"),
    [(POLARS, [DUCKDB, OURS_SPARK, OURS_DUCKDB]), (OURS_SPARK, None), (OURS_DUCKDB, None)],
)
def test_a_peer_that_fails_is_left_out_unless_it_is_ours(monkeypatch, tmp_path, failing, left):
    def done(peer):
        if peer == failing:
            raise CommandFailedError("it exits with 1")
        return Round(peer)

    monkeypatch.setattr(compare, "_ours", lambda peer, _work, _home: done(peer))
    monkeypatch.setattr(compare, "_peer", lambda peer, _work, _home: done(peer))
    monkeypatch.setattr(Judge, "differing", lambda *_, **__: [])
    said = []
    peers = [OURS_SPARK, OURS_DUCKDB, DUCKDB, POLARS]
    work = compare.Work(None, None, ("W1",), "1g")
    if left is None:
        with pytest.raises(CommandFailedError):
            compare.compare(work, peers, tmp_path, said.append)
        return
    rounds = compare.compare(work, peers, tmp_path, said.append)
    assert [each.peer for each in rounds] == left
    assert said[-1] == f"{failing:11} left out: it exits with 1"
