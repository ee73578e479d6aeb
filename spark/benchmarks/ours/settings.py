"""How our lakes are set when they are measured, on either engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from lakehouse.engines.choice import DUCKDB, prepare
from lakehouse.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

ENGINES: tuple[str, ...] = get_args(Settings.model_fields["engine"].annotation)


def settings_of(engine: str, memory: str, root: Path, raw: Path, **more: object) -> Settings:
    """The settings of a lake; `pyspark` means its engine's from here on.

    Called before anything imports PySpark, which the registry does.

    Args:
        engine: Of `ENGINES`.
        memory: What the engine may take, e.g. 3g.
        root: The lake.
        raw: Its landing folder.
        more: What is set otherwise than usual.
    """
    memory_of = "duckdb_memory" if engine == DUCKDB else "driver_memory"
    given = {"engine": engine, memory_of: memory, "root": str(root), "raw": str(raw)}
    settings = load_settings(**{**given, "parallelism": 2, **more})
    prepare(settings)
    return settings
