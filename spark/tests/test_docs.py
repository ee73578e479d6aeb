"""The documentation keeps its word: links resolve, and what guides name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from lakehouse.api.health import checks
from lakehouse.catalog.registry import registry
from lakehouse.cli import app
from lakehouse.settings import PROJECT, Settings
from lakehouse.streaming import conditions

RUNBOOKS = PROJECT / "spark" / "docs" / "runbooks"
PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((PROJECT / "spark" / "docs").rglob("*.md")),
]
GUIDES = (
    *("consumer-lag", "session-reconstruction", "load-time-metrics", "bounce-anomalies"),
    *("funnel-drops", "real-time-delay", "api-latency", "storage-growth"),
    *("failing-quality-checks", "permissions"),
)
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(#[^)\s]*)?\)")
COMMAND = re.compile(r"lakehouse ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?(?=[ `\n])")
VARIABLE = re.compile(r"LAKEHOUSE_[A-Z0-9_]*[A-Z0-9]\b(?!_?…)")
TABLE = re.compile(r"\b(?:bronze|silver|gold)\.[a-z_0-9]+\b")


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_resolve(page):
    dead = []
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            dead.append(path)
        elif anchor and target.suffix == ".md" and anchor[1:] not in anchors(target):
            dead.append(path + anchor)
    assert dead == []


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_tells_what_to_look_at_why_and_how_to_know(name):
    titles = re.findall(r"^## (.*)$", (RUNBOOKS / f"{name}.md").read_text(), re.MULTILINE)
    assert [each for each in titles if each in ("Look", "Causes and what to do", "Check")] == [
        *("Look", "Causes and what to do", "Check")
    ]


@pytest.mark.parametrize("name", GUIDES)
def test_what_a_guide_names_is_there(name):
    text = (RUNBOOKS / f"{name}.md").read_text()
    command = typer.main.get_command(app)
    for word, sub in COMMAND.findall(text):
        assert word in command.commands, f"lakehouse {word}"
        group = getattr(command.commands[word], "commands", None)
        assert group is None or sub in group, f"lakehouse {word} {sub}"
    known = {f"LAKEHOUSE_{field.upper()}" for field in Settings.model_fields}
    assert set(VARIABLE.findall(text)) <= known
    assert set(TABLE.findall(text)) <= registry().entries.keys()


def test_the_runbooks_that_alerts_name_exist():
    named = {
        value
        for module in (conditions, checks)
        for value in vars(module).values()
        if isinstance(value, str) and value.startswith(f"{conditions.RUNBOOKS}/")
    }
    assert len(named) >= len(("lag", "delay", "letters", "repair", "latency", "quality"))
    assert [name for name in named if not (PROJECT / name).is_file()] == []
