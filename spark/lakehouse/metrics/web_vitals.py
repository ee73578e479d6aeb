"""Core Web Vitals: what is good for those who visit, by the limits that web.dev publishes.

A page does well when three quarters of its loads do (https://web.dev/articles/vitals).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CoreVital:
    """A measure of how a page feels.

    Attributes:
        vital: Its name in tables.
        short: Its short name for people.
        title: Its name for people.
        good: The most that is good, in the unit of the table.
        poor: What is more is poor; between, it needs improvement.
        in_ms: Whether it is a time.
    """

    vital: str
    short: str
    title: str
    good: float
    poor: float
    in_ms: bool = True


CORE_VITALS = (
    CoreVital(
        vital="lcp_ms",
        short="LCP",
        title="Largest contentful paint",
        good=2_500,
        poor=4_000,
    ),
    CoreVital(
        vital="inp_ms",
        short="INP",
        title="Interaction to next paint",
        good=200,
        poor=500,
    ),
    CoreVital(
        vital="cls",
        short="CLS",
        title="Cumulative layout shift",
        good=0.1,
        poor=0.25,
        in_ms=False,
    ),
)
