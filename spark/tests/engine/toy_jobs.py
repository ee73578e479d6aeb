"""Jobs of toy tables: what a run of one table knows, without a lake around it."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from lakehouse.catalog.registry import Entry
from lakehouse.engine.job import Job, Request
from lakehouse.io.state import State
from lakehouse.settings import load_settings
from lakehouse.spec import Column, Table, not_empty
from lakehouse.tables.bronze import user_signups

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 1, 9, 12)  # noqa: DTZ001  # as a request has it
INPUT_VERSION = 7


def toy(name: str, *columns: tuple[str, str], write: Any, **more: Any) -> Table:
    """A table of columns with a name and a type."""
    shape = tuple(Column(column, kind, "Toy.") for column, kind in columns)
    given = {"inputs": (user_signups.TABLE,), "ensures": (not_empty(),), **more}
    return Table(name=name, owner="tests", domain="tests", columns=shape, write=write, **given)


def toy_job(  # what a test may choose
    table: Table,
    transform: Callable[..., Any],
    engine: Any,
    *,
    base: int | None,
    root: str = "nowhere",
    run_id: str = "run",
    token: int = 0,
) -> Job:
    """A job of a table whose inputs are published in version INPUT_VERSION."""
    upstream = {
        each.name: State(table=each.name, version=INPUT_VERSION, head=9, run_id="r", token=1)
        for each in table.upstream
    }
    return Job(
        entry=Entry(table, transform, "", "code"),
        settings=load_settings(root=root),
        engine=engine,
        request=Request(run_id, NOON),
        states=SimpleNamespace(),
        source=None,
        feed=None,
        published=None,
        base=base,
        upstream=upstream,
        token=token,
    )
