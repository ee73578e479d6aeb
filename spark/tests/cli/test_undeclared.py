"""Files of policies that are not there: runs and the doctor say so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lakehouse.cli.absences import tell_undeclared
from lakehouse.engines.doctor import diagnose
from lakehouse.settings import current_settings

REFERENCE = Path(__file__).resolve().parents[3] / "data" / "reference"


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """A copy of the project's policies, for a lake of its own."""
    folder = tmp_path / "reference"
    shutil.copytree(REFERENCE, folder)
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(tmp_path / "lake"))
    monkeypatch.setenv("LAKEHOUSE_REFERENCE", str(folder))
    current_settings.cache_clear()
    yield folder
    current_settings.cache_clear()


def told(capsys, *names):
    tell_undeclared(names)
    return " ".join(capsys.readouterr().err.split())


def judged():
    return next(row for row in diagnose(current_settings()) if row["check"] == "policies")


def test_a_missing_list_is_named_where_a_table_follows_from_it(reference, capsys):
    assert (told(capsys, "silver.web_events"), judged()["state"]) == ("", "ok")
    (reference / "referrer_hosts.csv").unlink()
    assert "has no referrer_hosts.csv: defaults" in told(capsys, "silver.web_events")
    assert told(capsys, "silver.user_dim") == ""
    assert (judged()["state"], judged()["fix"] != "") == ("warn", True)


def test_a_missing_folder_is_told_and_a_wrong_file_is_bad(reference, capsys):
    (reference / "web.toml").write_text("[visits]\nmode = 3\n")
    assert judged()["state"] == "bad"
    assert "web.toml:2" in judged()["found"]
    shutil.rmtree(reference)
    assert "has no referrer_hosts.csv and no web.toml" in told(capsys, "gold.web_kpis")
