"""Web: who comes and from where, where they stop, how fast pages are, how far figures hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.reporting.web import headlines, web_section
from lakehouse.reporting.web_funnels import funnels, funnels_section
from lakehouse.reporting.web_speed import speed, speed_section
from lakehouse.reporting.web_trust import trust, trust_section
from lakehouse.reporting.web_weeks import KPIS

if TYPE_CHECKING:
    from lakehouse.reporting.lake import PublishedLake

SECTIONS = (web_section, funnels_section, speed_section, trust_section)


def is_used(lake: PublishedLake) -> bool:
    """Whether its key figures are published."""
    return lake.state(KPIS) is not None


def answers(lake: PublishedLake) -> list[str]:
    """The last complete weeks, the funnels, the speed of pages, and how far to trust all that."""
    return [*headlines(lake), *funnels(lake), *speed(lake), *trust(lake)]
