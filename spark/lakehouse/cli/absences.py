"""Sources and policies that a run had to do without, on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.catalog.domains import absent
from lakehouse.catalog.policies import undeclared
from lakehouse.catalog.registry import registry
from lakehouse.cli import console
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date


def tell_absent(names: Iterable[str], day: date | None) -> None:
    """Say what is unknown because an optional source of these tables never arrived."""
    wanted = {each for name in names for each in {name, *registry().upstream(name)}}
    found = absent(registry(), current_settings(), sorted(wanted), day)
    missing = {source.name: source.without for source in found.values()}
    for name, without in missing.items():
        console.err.print(f"optional source {name} has no files: {without}", markup=False)


def tell_undeclared(names: Iterable[str]) -> None:
    """Say which files of policies are not there, so that defaults decided what tables mean."""
    kinds = {kind for name in names for kind in registry()[name].table.policies}
    if missing := undeclared(kinds, current_settings()):
        console.err.print(
            f"{missing}: defaults and empty lists decided what these tables mean; see "
            "data/reference of the repository",
            markup=False,
        )
