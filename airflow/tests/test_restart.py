"""`make airflow` on an Airflow of which a component has died."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from conftest import PROJECT

sys.path.append(str(PROJECT / "scripts"))
import airflow_local
from local_processes import Place

# What is started outlives whoever started it: nobody waits for it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:subprocess:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Two components that sleep, started as Airflow's are."""
    sleeping = {name: ["sleep", "300"] for name in ("scheduler", "triggerer")}
    monkeypatch.setattr(airflow_local, "COMPONENTS", sleeping)
    monkeypatch.setattr(airflow_local, "_healthy", lambda _: True)
    (tmp_path / "passwords.json").write_text('{"admin": "secret"}')
    found = Place(tmp_path, 1, dict(os.environ))
    found.servers.start(sleeping)
    yield found
    found.servers.stop()


def kill(place, name):
    group = place.servers._groups()[name]  # noqa: SLF001  # what it keeps in pids.json
    os.killpg(group, signal.SIGKILL)
    os.waitpid(group, 0)
    return group


def test_what_has_ended_is_started_again_and_the_rest_left_alone(place, capsys):
    dead = kill(place, "scheduler")
    before = place.servers._groups()  # noqa: SLF001  # same
    assert place.servers.ended() == ["scheduler"]
    assert airflow_local.status(place) == 75
    assert "scheduler stopped" in capsys.readouterr().out
    assert airflow_local.up(place) == 0
    assert "restarting scheduler" in capsys.readouterr().out
    after = place.servers._groups()  # noqa: SLF001  # same
    assert after["scheduler"] != dead
    assert after["triggerer"] == before["triggerer"]
    assert place.servers.ended() == []


def test_nothing_is_started_while_all_of_it_runs(place, capsys):
    before = place.servers._groups()  # noqa: SLF001  # same
    assert airflow_local.up(place) == 0
    assert "restarting" not in capsys.readouterr().out
    assert place.servers._groups() == before  # noqa: SLF001  # same
