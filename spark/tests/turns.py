"""What a sample of the tests has: with `TEST_DEPTH=sample`, as in CI, some of what is alike.

PYTEST_DONT_REWRITE: it asserts nothing, and `conftest.py` imports it before pytest does.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, datetime
from typing import TypeVar

import pytest

Amount = TypeVar("Amount")


def depth(sample: Amount, full: Amount) -> Amount:
    """What a slow test is about: all of it, or with `TEST_DEPTH=sample` (as in CI) a sample."""
    return sample if os.environ.get("TEST_DEPTH") == "sample" else full


def today() -> int:
    """The day of a sample (UTC), as a number; `TEST_DAY` repeats one."""
    return int(os.environ.get("TEST_DAY") or datetime.now(UTC).toordinal())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A sample has those whose turn it is; the others are counted as deselected."""
    others = depth(not_today(items), set())
    config.hook.pytest_deselected(items=[each for each in items if each.nodeid in others])
    items[:] = [each for each in items if each.nodeid not in others]


def not_today(items: list[pytest.Item]) -> set[str]:
    """Tests marked with `turns(n)`, but for one in n of those that are alike: another each day."""
    alike: dict[tuple[str, int], list[str]] = defaultdict(list)
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        if (turns := item.get_closest_marker("turns")) and "slow" not in marks:
            engine = "spark" if marks & {"jvm", "spark_too"} else "any"
            alike[engine, turns.args[0]].append(item.nodeid)
    return {
        each
        for (_, n), those in alike.items()
        for place, each in enumerate(sorted(those))
        if place % n != today() % n
    }


def pytest_report_header() -> list[str]:
    """Which sample it is: `TEST_DAY` asks for another day's."""
    return depth([f"sample: TEST_DAY={today()}"], [])
