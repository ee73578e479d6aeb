"""Arguments and options that commands share, and what they stand for."""

from __future__ import annotations

import os
from datetime import date
from typing import Annotated, Any

import typer

from lakehouse.catalog.registry import registry
from lakehouse.engines.choice import prepare
from lakehouse.errors import ConfigError
from lakehouse.settings import current_settings

EARLIEST = date(1970, 1, 1)
"""Moments before it are rejected where they land."""
Selectors = Annotated[
    list[str] | None,
    typer.Argument(
        help="Tables (gold.x), layers (silver), +gold.x (with upstream), silver.y+ (with "
        "downstream). Default: all tables."
    ),
]
TableName = Annotated[str, typer.Argument(help="A table, e.g. silver.feature_states.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        help="As-of date, YYYY-MM-DD: nothing later counts. Default: the newest day with data, at "
        "most today (UTC)."
    ),
]
Day = Annotated[
    str | None, typer.Option(help="Run for this day, YYYY-MM-DD: files dated later wait.")
]


def choose_engine(name: str | None) -> str | None:
    """Put the engine into the settings of this process, before anything reads them."""
    if name is not None:
        os.environ["LAKEHOUSE_ENGINE"] = name
        current_settings.cache_clear()
        prepare(current_settings())
    return name


EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine", callback=choose_engine, help="Engine of this command: spark or duckdb."
    ),
]
FullRefresh = Annotated[
    bool, typer.Option("--full-refresh", help="Recompute everything from the inputs.")
]


def day_of(text: str | None, option: str) -> date | None:
    """The date that an option names."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text}: not a date; write YYYY-MM-DD") from None


def new_request(
    as_of: str | None,
    *,
    full_refresh: bool,
    run_id: str | None = None,
    day: date | None = None,
    migrate: bool = False,
) -> Any:  # noqa: ANN401  # imported lazily
    """What a run is asked for."""
    from lakehouse.engine.job import new_request as request  # noqa: PLC0415  # 0.5 s of pyspark

    day_of_figures = day_of(as_of, "--as-of")
    if day_of_figures and day_of_figures < EARLIEST:
        raise ConfigError(f"--as-of {as_of}: there is no data before {EARLIEST}; use a later date")
    return request(
        as_of=day_of_figures,
        full_refresh=full_refresh,
        run_id=run_id,
        day=day,
        migrate=migrate,
    )


def open_lake() -> Any:  # noqa: ANN401  # imported lazily
    """The lake of the settings; its engine starts at its first use."""
    from lakehouse.engine.lake import Lake  # noqa: PLC0415  # 0.5 s of pyspark

    return Lake(current_settings(), registry())
