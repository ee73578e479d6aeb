"""What was asked for → tables, upstream first, and days, oldest first; and what would be done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lakehouse.engine.migration import check_columns
from lakehouse.engine.outlook import look, versions
from lakehouse.errors import (
    ConfigError,
    LakehouseError,
    UnknownTableError,
    UpstreamLaterError,
    UpstreamMissingError,
)
from lakehouse.spec.table import LAYERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from lakehouse.catalog.registry import Registry
    from lakehouse.engine.job import Request
    from lakehouse.engine.lake import Lake


def select(registry: Registry, selectors: Iterable[str]) -> list[str]:
    """Names of the selected tables in an order that runs upstream before downstream.

    A selector is a table (`gold.x`), a layer (`silver`), `+gold.x` (with everything upstream) or
    `silver.y+` (with everything downstream). None selects every table.

    Raises:
        UnknownTableError: A selector matches nothing.
        TableDefinitionError: The definition of a selected table is broken.
    """
    chosen: set[str] = set()
    for selector in selectors:
        chosen |= _matches(registry, selector)
    if not chosen:
        return list(registry.entries)
    return [name for name in registry.entries if name in chosen]


def assert_none_left_out(registry: Registry, selectors: Sequence[str]) -> None:
    """No table that the selectors mean is missing for a broken definition.

    Raises:
        TableDefinitionError: The first that is.
    """
    layers = {selector.strip("+") for selector in selectors} or set(LAYERS)
    for name, error in registry.broken.items():
        if name.partition(".")[0] in layers or not name.startswith(
            tuple(f"{layer}." for layer in LAYERS)
        ):
            raise error


def _matches(registry: Registry, selector: str) -> set[str]:
    name = selector.strip("+")
    if name in LAYERS:
        named = {each for each in registry.entries if each.startswith(f"{name}.")}
    elif name in registry.entries:
        named = {name}
    elif name in registry.broken:
        raise registry.broken[name]
    else:
        raise UnknownTableError(name, [*registry.entries, *registry.broken, *LAYERS])
    found = set(named)
    if selector.startswith("+"):
        found = found.union(*(registry.upstream(each) for each in named))
    if selector.endswith("+"):
        found = found.union(*(registry.downstream(each) for each in named))
    return found


def backfill_days(first: date | None, last: date | None, as_of: str | None) -> list[date]:
    """Days of a backfill, oldest first; empty when none was asked for.

    Raises:
        ConfigError: Only one end is given, the range is empty, or it comes with `--as-of`.
    """
    if first is None and last is None:
        return []
    if first is None or last is None:
        raise ConfigError("a backfill needs both --from and --to")
    if as_of is not None:
        raise ConfigError("--as-of cannot be combined with --from/--to; use one or the other")
    if first > last:
        raise ConfigError(f"--from {first} is after --to {last}; swap them")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def preview(lake: Lake, names: Sequence[str], request: Request) -> list[dict[str, Any]]:
    """What a run would do and why, from bookkeeping alone; writes nothing."""
    steps: list[dict[str, Any]] = []
    moving: set[str] = set()
    for name in lake.due(names, request.day):
        step: dict[str, Any] = {"table": name, "action": "run", "reason": "", "inputs": ""}
        awaited = sorted(moving & lake.registry.upstream(name))
        try:
            job = lake.glance(name, request)
            outlook = look(job)
            step["reason"] = outlook.reason
            step["inputs"] = versions({n: state.identity for n, state in job.inputs.items()})
            if not outlook.idle:
                check_columns(job)
            step["action"] = "skip" if outlook.idle and not awaited else "run"
        except UpstreamMissingError as error:
            step["action"] = "run" if awaited else "wait"
            step["reason"] = str(error)
        except UpstreamLaterError as error:
            step["action"] = "run" if awaited else "fail"
            step["reason"] = str(error)
        except LakehouseError as error:
            step["action"], step["reason"] = "fail", str(error)
        if awaited:
            step["reason"] = f"after {', '.join(awaited)}"
        if step["action"] == "run":
            moving.add(name)
        steps.append(step)
    return steps
