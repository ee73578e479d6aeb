"""What the query of a dataset gives of marts of a few rows."""

from __future__ import annotations

from typing import Any

import duckdb
import yaml

from lakehouse.serving.dashboards import relations
from lakehouse.serving.dashboards.assets import FOLDER


def asked(
    dataset: str, chosen: dict[str, list[str]], query: str, marts: str
) -> list[tuple[Any, ...]]:
    """What a query over a dataset, `q`, gives of marts (made by SQL) with values set in filters."""
    path = FOLDER / f"datasets/lakehouse/{dataset}.yaml"
    sql = relations.rendered(yaml.safe_load(path.read_text("utf-8"))["sql"], chosen)
    database = duckdb.connect()
    database.execute(f"CREATE SCHEMA gold; {marts}")
    return database.execute(f"WITH q AS ({sql}) {query}").fetchall()


def measured(dataset: str, metric: str) -> str:
    """The expression of a dataset's metric."""
    path = FOLDER / f"datasets/lakehouse/{dataset}.yaml"
    metrics = yaml.safe_load(path.read_text("utf-8"))["metrics"]
    return next(str(each["expression"]) for each in metrics if each["metric_name"] == metric)
