from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from conftest import FAST_JVM, conversion, event, interaction, metadata, release, signup
from lakehouse.synthetic import Arguments, generate

REPOSITORY = Path(__file__).resolve().parents[3]
NOTEBOOKS = REPOSITORY / "notebooks"

runs_a_notebook = [
    pytest.mark.spark,
    pytest.mark.notebook,
    pytest.mark.turns(2),
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq"),
]


def page_view(identity: str, device: str, at: str) -> dict[str, object]:
    """A landed page view."""
    return {
        "event_id": identity,
        "event_type": "page_view",
        "timestamp": at,
        "anonymous_id": device,
        "properties": {"page_url": "https://example.com/"},
    }


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / name, as_version=4)


@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_notebooks_are_committed_without_outputs(name):
    notebook = read(name)

    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert str(REPOSITORY) not in (NOTEBOOKS / name).read_text("utf-8")


@pytest.fixture
def shown(make_lake, tmp_path, monkeypatch):
    """Run a lake over what was landed and a notebook over the lake; the notebook with outputs."""
    lake = make_lake()

    def show(name: str, looked_at: dict[int, str] | None = None) -> str:
        """Run it; `looked_at` has code to run after the cell of a number."""
        lake.run()
        package = os.pathsep.join([str(REPOSITORY / "spark"), os.environ.get("PYTHONPATH", "")])
        environment = {
            "LAKEHOUSE_ROOT": str(lake.settings.root),
            "LAKEHOUSE_SPARK_MASTER": "local[2]",
            "LAKEHOUSE_DRIVER_MEMORY": "1g",
            "LAKEHOUSE_SPARK_CONF": FAST_JVM,
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "PYTHONPATH": package,
        }
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        notebook = read(name)
        for place, code in (looked_at or {}).items():
            notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(code))
        resources = {"metadata": {"path": tmp_path}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
        return nbformat.writes(notebook)

    show.lake = lake
    return show


class TestAnalysisDemo:
    pytestmark = runs_a_notebook

    def test_it_runs_from_top_to_bottom(self, shown):
        land = shown.lake.land
        features = [release("real_time_collab", "2026-01-01"), release("boards", "2026-01-01")]
        land("feature_releases.json", [*features, release("boards", "2026-01-10", "1.1")])
        land("user_signups.jsonl", [signup(f"u{k}") for k in range(8)])
        land("conversions.jsonl", [conversion(f"u{k}", f"2026-01-{20 + k}") for k in range(3)])
        uses = [event(f"e{k}", f"u{k}", "boards", "2026-01-05T08:00:00Z") for k in range(4)]
        late = "2026-03-01T08:00:00Z"
        uses += [event(f"r{k}", f"u{k}", "real_time_collab", late) for k in range(2)]
        land("feature_usage_events.jsonl", uses)
        text = shown("analysis_demo.ipynb")
        assert "Real_Time_Collab" in text
        assert "What changed from 2026-01-09 to 2026-01-10" in text


class TestEngagement:
    pytestmark = runs_a_notebook

    def test_it_runs_on_a_few_days_without_anything_unusual(self, shown):
        shown.lake.land("user_metadata.jsonl", [metadata("u0", "2026-01-01 00:00:00")])
        actions = [
            interaction(f"i{day}-{user}", f"u{user}", f"2026-01-{day:02} 08:00:00")
            for day in range(1, 16)
            for user in range(day % 3 + 1)
        ]
        shown.lake.land("user_interactions.jsonl", actions)
        hollow = "[(p.get_marker(), len(p.get_xdata())) for p in ax.lines if p.get_mfc() == 'none']"
        active_users = 3
        text = shown("engagement.ipynb", {active_users: f"print('hollow:', {hollow})"})
        assert text.count("image/png") == 6
        assert "hollow: [('o', 1), ('o', 1), ('o', 1), ('s', 1)]" in text


class TestWeb:
    pytestmark = runs_a_notebook

    def test_it_runs_on_two_months_of_a_site(self, shown):
        sample = Arguments(users=300, web_events=6_000, days=60, domains=("web",))
        generate(sample, shown.lake.raw)
        told = {
            "channels": "len(channels) > 5",
            "funnels": "list(names)",
            "sums of credits": "by_model.sum().round(6).nunique()",
            "stitched": "bool(ways['visitors'] < ways['user_or_device'])",
            "reasons": "len(by_reason) > 1",
            "late day": "latest is not None and len(arrived) > 1",
        }
        code = "\n".join(f'print("{name} =", {value})' for name, value in told.items())
        before_the_end = 28
        text = shown("web.ipynb", {before_the_end: code})
        assert text.count("image/png") == 8
        assert "channels = True" in text
        assert "funnels = ['checkout', 'signup']" in text
        assert "sums of credits = 1" in text  # of each model, the same
        assert "stitched = True" in text
        assert "reasons = True" in text
        assert "late day = True" in text

    def test_it_runs_on_a_single_page_view(self, shown):
        shown.lake.land("web_events.jsonl", [page_view("e1", "d1", "2026-01-05T08:00:00Z")])
        text = shown("web.ipynb")
        assert text.count("image/png") == 8
