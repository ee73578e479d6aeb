"""What each domain shows: its sections of the page, and its lines for the terminal.

A domain is a module here with `SECTIONS`, functions of (lake, now); `is_used(lake)`; and
`answers(lake)`. It is found by its place, in the order of names: a new one edits no list.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lakehouse.reporting.lake import PublishedLake
    from lakehouse.reporting.page import Section


class Domain(Protocol):
    """What a module of a domain offers."""

    SECTIONS: tuple[Callable[[PublishedLake, datetime], Section], ...]

    def is_used(self, lake: PublishedLake) -> bool:
        """Whether any of its marts is published."""
        ...

    def answers(self, lake: PublishedLake) -> list[str]:
        """What its marts tell, in a few lines."""
        ...


def domains() -> dict[str, Domain]:
    """Every domain that shows anything, by its name."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    return {name: cast("Domain", import_module(f"{__name__}.{name}")) for name in names}
