"""Growth: does a feature drive conversion, who uses what, which version when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.reporting.conversion import conversion_section
from lakehouse.reporting.features import features_section
from lakehouse.reporting.growth import MARTS, activity_section, headline_section
from lakehouse.reporting.summary import answer

if TYPE_CHECKING:
    from lakehouse.reporting.lake import PublishedLake

SECTIONS = (headline_section, conversion_section, activity_section, features_section)


def is_used(lake: PublishedLake) -> bool:
    """Whether any of its marts is published."""
    return any(lake.state(mart) for mart in MARTS)


def answers(lake: PublishedLake) -> list[str]:
    """Whether the key feature drives conversion, and how the others compare."""
    return answer(lake)
