"""What is asked for decides what runs; a wrong word stops before anything does."""

from __future__ import annotations

import pytest
import typer

from benchmarks import compare
from benchmarks.__main__ import main
from benchmarks.equality import Judge
from benchmarks.measure import CommandFailedError
from benchmarks.results import DUCKDB, OURS, POLARS, Round
from benchmarks.workloads import needed


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
        pytest.param({"peers": "ours,duck"}, "--peers: no duck; there are ours,", id="peers"),
        pytest.param({"scale": "2m"}, "--scale: no 2m; there are 20k,", id="scale"),
    ],
)
def test_a_wrong_word_is_a_wrong_setting(options, message, tmp_path, capsys):
    defaults = {"scale": "20k", "peers": "ours,duckdb", "only": "W1", "rounds": 1, "memory": "1g"}
    with pytest.raises(typer.Exit) as stopped:
        main(**defaults | options, scratch=tmp_path, out=tmp_path)
    assert stopped.value.exit_code == 78
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("failing", "left"), [(POLARS, [DUCKDB, OURS]), (OURS, None)])
def test_a_peer_that_fails_is_left_out_unless_it_is_ours(monkeypatch, tmp_path, failing, left):
    def done(peer):
        if peer == failing:
            raise CommandFailedError("it exits with 1")
        return Round(peer)

    monkeypatch.setattr(compare, "_ours", lambda _work, _home: done(OURS))
    monkeypatch.setattr(compare, "_peer", lambda peer, _work, _home: done(peer))
    monkeypatch.setattr(Judge, "differing", lambda *_, **__: [])
    said = []
    work = compare.Work(None, None, ("W1",), "1g")
    if left is None:
        with pytest.raises(CommandFailedError):
            compare.compare(work, [OURS, DUCKDB, POLARS], tmp_path, said.append)
        return
    rounds = compare.compare(work, [OURS, DUCKDB, POLARS], tmp_path, said.append)
    assert [each.peer for each in rounds] == left
    assert said[-1] == f"{failing:9} left out: it exits with 1"
