"""Do the dashboards fit the tables, and each other? Needs no server.

Every query that a chart makes is judged over empty served tables: a column or metric that is not
there, or is of a type that does not go with what is done with it, is found before anybody looks.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lakehouse.errors import ConfigError
from lakehouse.serving.dashboards import datasets, layout
from lakehouse.serving.dashboards.charts import DATES, Chart
from lakehouse.serving.dashboards.relations import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.serving.dashboards.assets import Asset, Assets
    from lakehouse.spec import Column

_GROUPS = {"dimension_value", "group_value"}
KEPT_APART = {
    "dimension_name": {"dimension_name", *_GROUPS},
    "group_kind": {"group_kind", *_GROUPS},
    "view": {"view"},
    "model": {"model"},
    "model_name": {"model_name"},
}
"""Column → what tells its rows apart. A dataset with such a column holds the same things several
times (the whole and its parts, those of each view, each model's account), not to be summed up."""
NUMBERS = {"BIGINT", "INTEGER", "DOUBLE PRECISION", "NUMERIC"}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes:
        file: Below the folder.
        problem: What, and what to do.
    """

    file: str
    problem: str


def check(assets: Assets, tables: dict[str, tuple[Column, ...]]) -> list[Finding]:
    """Everything that is wrong, by file."""
    judge = Judge(tables)
    found = [
        Finding(asset.path, problem)
        for asset, problems in (
            *((each, _of_dataset(each, tables, judge)) for each in assets.of("datasets")),
            *((each, _of_chart(each, assets, judge)) for each in assets.of("charts")),
            *((each, layout.problems(each, assets)) for each in assets.of("dashboards")),
        )
        for problem in problems
    ]
    return sorted({*found, *_of_names(assets)}, key=lambda each: (each.file, each.problem))


def _of_names(assets: Assets) -> Iterator[Finding]:
    """UUIDs are of the right form and nobody else's; every chart is on a dashboard."""
    times = Counter(asset.uuid for asset in assets.every)
    shown = {uuid for each in assets.of("dashboards") for uuid in layout.charts_on(each)}
    for asset in assets.every:
        try:
            UUID(asset.uuid)
        except ValueError:
            yield Finding(asset.path, f"uuid {asset.uuid} is not a UUID; `uuidgen` makes one")
        if times[asset.uuid] > 1:
            yield Finding(asset.path, f"uuid {asset.uuid} is used by another file, too")
        if asset.kind == "charts" and asset.uuid not in shown:
            yield Finding(asset.path, "is on no dashboard; put it on one, or remove it")


def _of_dataset(asset: Asset, tables: dict[str, tuple[Column, ...]], judge: Judge) -> Iterator[str]:
    content = asset.content
    try:
        real = datasets.physical_columns(content, tables, judge)
        sources = datasets.source(content)
        for text in sources:
            judge.columns(f"SELECT * FROM {text}")
    except ConfigError as error:
        yield f"cannot be read: {error}"
        return
    declared = {c["column_name"]: c for c in content["columns"] if not c.get("expression")}
    for name in sorted(declared.keys() ^ real.keys()):
        where = "is not there any more" if name in declared else "is missing"
        yield f"column {name} {where}; `lakehouse dashboards datasets` fixes it"
    for name in sorted(declared.keys() & real.keys()):
        if declared[name]["type"] != real[name]:
            yield (
                f"column {name} is {real[name]}, not {declared[name]['type']}; "
                "`lakehouse dashboards datasets` mends it"
            )
        if not declared[name].get("description"):
            yield f"column {name} has no description"
    yield from _of_expressions(content, sources[0], judge)


def _of_expressions(content: dict[str, Any], text: str, judge: Judge) -> Iterator[str]:
    """Calculated columns and metrics can be computed, and say what they mean."""
    for column in content["columns"]:
        if expression := column.get("expression"):
            yield from _wrong(judge, f"SELECT {expression} FROM {text}", column["column_name"])
    all_columns = with_calculated(content, text)
    for metric in content["metrics"]:
        query = f"SELECT {metric['expression']} FROM ({all_columns}) AS q"
        yield from _wrong(judge, query, f"metric {metric['metric_name']}")
        if not metric.get("description"):
            yield f"metric {metric['metric_name']} has no description"


def with_calculated(content: dict[str, Any], text: str) -> str:
    """A query that gives every column of a dataset."""
    calculated = (
        f', {column["expression"]} AS "{column["column_name"]}"'
        for column in content["columns"]
        if column.get("expression")
    )
    return f"SELECT *{''.join(calculated)} FROM {text}"


def _of_chart(asset: Asset, assets: Assets, judge: Judge) -> Iterator[str]:
    dataset = assets.by_uuid("datasets").get(str(asset.content.get("dataset_uuid")))
    if dataset is None:
        yield f"no dataset has dataset_uuid {asset.content.get('dataset_uuid')}"
        return
    chart = Chart(asset.content)
    if not chart.is_known:
        yield f"viz_type {chart.viz_type} is unknown; add the columns it uses to charts.py"
        return
    columns = {each["column_name"]: each for each in dataset.content["columns"]}
    metrics = {each["metric_name"]: each for each in dataset.content["metrics"]}
    if chart.needs_metric and not chart.metrics:
        yield "shows no metric"
    for kind, used, known in (
        ("column", chart.columns, columns),
        ("metric", chart.metrics, metrics),
        ("column or metric", chart.either, columns | metrics),
    ):
        for name in sorted(used - known.keys()):
            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield f"{kind} {name} is not in {dataset.path}{hint}"
    yield from _of_filters(chart, columns)
    yield from _of_conditions(chart, dataset, judge)
    for column in KEPT_APART.keys() & columns.keys() if chart.needs_metric else ():
        if not chart.told_apart & KEPT_APART[column]:
            yield f"adds up the rows of every {column}; filter on one, or group by it"
    yield from _of_words(chart, columns | metrics)


def _of_filters(chart: Chart, columns: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What a column is compared with is of its type."""
    for each in chart.filters:
        subject, operator, value = each["subject"], each["operator"], each.get("comparator")
        column = columns.get(subject)
        if column is None:  # said of the columns
            continue
        values = value if isinstance(value, list) else [value]
        fits = {
            DATES: column["is_dttm"],
            "IS TRUE": column["type"] == "BOOLEAN",
            "IS FALSE": column["type"] == "BOOLEAN",
            "IS NULL": True,
            "IS NOT NULL": True,
        }.get(operator, all(isinstance(one, _kinds(column["type"])) for one in values))
        if not fits:
            yield f"filter {subject} {operator} {value} does not fit type {column['type']}"


def _of_conditions(chart: Chart, dataset: Asset, judge: Judge) -> Iterator[str]:
    """Filters in SQL can be computed."""
    if not chart.conditions:
        return
    try:
        text = datasets.source(dataset.content)[0]
    except ConfigError:  # said of the dataset
        return
    for condition in chart.conditions:
        yield from _wrong(judge, f"SELECT 1 FROM {text} {condition}", f"filter {condition}")


def _kinds(type_: str) -> tuple[type, ...]:
    """What a literal of a type is in YAML."""
    return (str,) if type_ == "TEXT" else (int, float) if type_ in NUMBERS else ()


def _of_words(chart: Chart, known: dict[str, Any]) -> Iterator[str]:
    """The description says what is shown in the words of the metrics."""
    used = (chart.columns | chart.metrics) & known.keys()
    sentences = [str(known[name].get("description")) for name in sorted(used)]
    if not any(_plain(each) in _plain(chart.description) for each in sentences):
        yield (
            "its description holds the sentence of none of its columns or metrics, "
            f"such as: {sentences[0] if sentences else '(it uses none)'}"
        )


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().lower()


def _wrong(judge: Judge, query: str, what: str) -> Iterator[str]:
    try:
        judge.columns(query)
    except ConfigError as error:
        yield f"{what} is wrong: {error}"
