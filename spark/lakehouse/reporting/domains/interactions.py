"""Interactions: how many come, how often, how long, and how fast the app is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.reporting.engagement import engagement_section, headlines

if TYPE_CHECKING:
    from lakehouse.reporting.lake import PublishedLake

SECTIONS = (engagement_section,)


def is_used(lake: PublishedLake) -> bool:
    """Whether any of its marts has something to tell."""
    return bool(headlines(lake))


def answers(lake: PublishedLake) -> list[str]:
    """Users, sessions and load times of the newest days that are over."""
    return headlines(lake)
