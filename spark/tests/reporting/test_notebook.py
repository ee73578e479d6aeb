from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from conftest import FAST_JVM, conversion, event, release, signup

REPOSITORY = Path(__file__).resolve().parents[3]
NOTEBOOK = REPOSITORY / "notebooks" / "analysis_demo.ipynb"


def read() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_committed_without_outputs():
    notebook = read()

    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert str(REPOSITORY) not in NOTEBOOK.read_text("utf-8")


@pytest.mark.spark
@pytest.mark.notebook
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq")
def test_the_notebook_runs_from_top_to_bottom(make_lake, tmp_path, monkeypatch):
    lake = make_lake()
    features = [release("real_time_collab", "2026-01-01"), release("boards", "2026-01-01")]
    lake.land("feature_releases.json", [*features, release("boards", "2026-01-10", "1.1")])
    lake.land("user_signups.jsonl", [signup(f"u{k}") for k in range(8)])
    lake.land("conversions.jsonl", [conversion(f"u{k}", f"2026-01-{20 + k}") for k in range(3)])
    lake.land(
        "feature_usage_events.jsonl",
        [event(f"e{k}", f"u{k}", "boards", "2026-01-05T08:00:00Z") for k in range(4)]
        + [event(f"r{k}", f"u{k}", "real_time_collab", "2026-03-01T08:00:00Z") for k in range(2)],
    )
    lake.run()
    monkeypatch.setenv("LAKEHOUSE_ROOT", str(lake.settings.root))
    monkeypatch.setenv("LAKEHOUSE_SPARK_MASTER", "local[2]")
    monkeypatch.setenv("LAKEHOUSE_DRIVER_MEMORY", "1g")
    monkeypatch.setenv("LAKEHOUSE_SPARK_CONF", FAST_JVM)
    monkeypatch.setenv("MPLBACKEND", "agg")
    package = str(REPOSITORY / "spark")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([package, os.environ.get("PYTHONPATH", "")]))

    notebook = read()
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()

    text = nbformat.writes(notebook)
    assert "Real_Time_Collab" in text
    assert "What changed from 2026-01-09 to 2026-01-10" in text
