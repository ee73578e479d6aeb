"""What a dashboard shows and where, and what its filters reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.serving.dashboards.charts import Chart
from lakehouse.serving.dashboards.relations import choices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.serving.dashboards.assets import Asset, Assets

COLUMNS = 12
"""Width of the grid."""


def problems(dashboard: Asset, assets: Assets) -> Iterator[str]:
    """Everything that is wrong with a dashboard itself."""
    if not dashboard.content["metadata"].get("refresh_frequency"):
        yield "has no refresh_frequency: say how many seconds"
    yield from _of_grid(dashboard)
    yield from _of_charts(dashboard, assets)
    for each in _filters(dashboard):
        yield from _of_filter(each, dashboard, assets)


def charts_on(dashboard: Asset) -> dict[str, int]:
    """Charts on it by UUID, with the number by which the file refers to them."""
    return {each["meta"]["uuid"]: each["meta"]["chartId"] for each in _parts(dashboard, "CHART")}


def _parts(dashboard: Asset, kind: str) -> list[dict[str, Any]]:
    position = dashboard.content["position"]
    return [e for e in position.values() if isinstance(e, dict) and e["type"] == kind]


def _filters(dashboard: Asset) -> list[dict[str, Any]]:
    return list(dashboard.content["metadata"].get("native_filter_configuration") or [])


def _of_grid(dashboard: Asset) -> Iterator[str]:
    position = dashboard.content["position"]
    hanging = {
        child for e in position.values() if isinstance(e, dict) for child in e.get("children", [])
    }
    for name in sorted(hanging - position.keys()):
        yield f"{name} is placed, but is not there"
    for row in _parts(dashboard, "ROW"):
        width = sum(position[child]["meta"]["width"] for child in row["children"])
        if width > COLUMNS:
            yield f"{row['id']} is {width} wide, of {COLUMNS}"


def _of_charts(dashboard: Asset, assets: Assets) -> Iterator[str]:
    position, known = dashboard.content["position"], assets.by_uuid("charts")
    for each in _parts(dashboard, "CHART"):
        chart = known.get(each["meta"]["uuid"])
        if chart is None:
            yield f"{each['id']}: uuid {each['meta']['uuid']} is no chart's"
            continue
        column = position[each["parents"][-1]]["children"]
        below = column[column.index(each["id"]) + 1 :][:1] if each["id"] in column else []
        text = position[below[0]]["meta"].get("code") if below else None
        if text != chart.content["description"]:
            yield f"under {each['id']} the text must be the description of {chart.path}"
    numbers = list(charts_on(dashboard).values())
    for number in sorted({n for n in numbers if numbers.count(n) > 1}):
        yield f"two charts are number {number}"


def _of_filter(each: dict[str, Any], dashboard: Asset, assets: Assets) -> Iterator[str]:
    """It offers what is there, and reaches the charts that heed it and no others."""
    datasets = assets.by_uuid("datasets")
    excluded = set(each["scope"]["excluded"])
    if unknown := sorted(excluded - set(charts_on(dashboard).values())):
        yield f"filter {each['name']} leaves out charts that are not here: {unknown}"
    column = None
    for target in each["targets"]:
        if "column" in target:
            column = target["column"]["name"]
            dataset = datasets.get(target["datasetUuid"])
            if dataset is None or column not in _column_names(dataset):
                yield f"filter {each['name']} offers {column}, which its dataset does not have"
    yield from _of_reach(each, column, dashboard, assets)


def _of_reach(
    each: dict[str, Any], column: str | None, dashboard: Asset, assets: Assets
) -> Iterator[str]:
    charts, datasets = assets.by_uuid("charts"), assets.by_uuid("datasets")
    excluded = set(each["scope"]["excluded"])
    for uuid, number in charts_on(dashboard).items():
        chart = charts.get(uuid)
        dataset = datasets.get(str(chart.content.get("dataset_uuid"))) if chart else None
        if chart is None or dataset is None:  # said of the charts
            continue
        heeds = _heeds(chart, dataset, column)
        if number not in excluded and not heeds:
            yield f"filter {each['name']} does nothing to {chart.path}: exclude {number}"
        if number in excluded and heeds:
            yield f"filter {each['name']} leaves out {chart.path}, which heeds it: include {number}"


def _heeds(chart: Asset, dataset: Asset, column: str | None) -> bool:
    if column is None:
        return Chart(chart.content).takes_dates
    return column in _column_names(dataset) | choices(dataset.content.get("sql") or "")


def _column_names(dataset: Asset) -> set[str]:
    return {each["column_name"] for each in dataset.content["columns"]}
