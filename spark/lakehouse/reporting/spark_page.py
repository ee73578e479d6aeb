"""Spark's event logs in three forms: as a page without a network, as tables, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.errors import ConfigError
from lakehouse.observability.event_files import find_log
from lakehouse.observability.eventlog import read_event_log
from lakehouse.reporting.page import render
from lakehouse.reporting.spark_compare import compare_sections
from lakehouse.reporting.spark_data import comparison_data, run_data
from lakehouse.reporting.spark_run import opening, run_sections

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lakehouse.observability.application import SparkRun
    from lakehouse.reporting.page import Cell, Figure, Grid, Section

MOST_NAMES = 5


@dataclass(frozen=True)
class Description:
    """What one log, or two compared, tell.

    Attributes:
        title: What it is.
        lead: First sentences.
        sections: The parts of the page.
        runs: The runs, for data.
        notes: Which logs were chosen, and how to choose others.
    """

    title: str
    lead: Sequence[str]
    sections: Sequence[Section]
    runs: Sequence[SparkRun]
    notes: Sequence[str]

    @property
    def html(self) -> str:
        """The page."""
        source = " and ".join(run.log for run in self.runs)
        return render(
            "spark_run.html.j2",
            title=self.title,
            lead=self.lead,
            sections=self.sections,
            source=source,
        )

    @property
    def answers(self) -> list[Cell]:
        """Lines that judge, for the terminal."""
        return [answer for section in self.sections for answer in section.answers]

    @property
    def tables(self) -> list[tuple[str, Grid]]:
        """Titles and tables, for the terminal."""
        figures: list[Figure] = [f for section in self.sections for f in section.figures]
        return [(f.title, f.grid) for f in figures if f.grid is not None and f.grid.rows]

    @property
    def data(self) -> dict[str, Any]:
        """The data."""
        if len(self.runs) == 1:
            return run_data(self.runs[0])
        return comparison_data(*self.runs)


def describe(paths: Sequence[Path]) -> Description:
    """Read one log, or two to compare.

    Raises:
        ConfigError: There is no log, or there are more than two.
        EventLogError: One cannot be read.
    """
    found = [find_log(path) for path in paths]
    notes = [_choice(path, log, others) for path, (log, others) in zip(paths, found, strict=True)]
    runs = [read_event_log(log) for log, _ in found]
    said = [note for note in notes if note]
    if len(runs) == 1:
        sections = run_sections(runs[0])
        return Description("Where the time went", opening(runs[0]), sections, runs, said)
    if len(runs) == 2:  # noqa: PLR2004  # first and second
        return Description("Two runs compared", [], compare_sections(*runs), runs, said)
    raise ConfigError(f"{len(runs)} event logs; give one, or two to compare")


def _choice(path: Path, log: Path, others: Sequence[Path]) -> str:
    """Which log of a folder it is, when there are several."""
    if not others:
        return ""
    names = ", ".join(each.name for each in others[:MOST_NAMES])
    more = f" and {len(others) - MOST_NAMES} older" if len(others) > MOST_NAMES else ""
    return f"{log.name} is the newest log in {path}; others are: {names}{more}"
