"""What a chart asks of its dataset, read from its parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

COLUMNS = (
    *("x_axis", "groupby", "groupby_b", "columns", "all_columns", "entity", "y_axis"),
    *("start_time", "end_time", "series", "tooltip_columns"),
)
METRICS = ("metric", "metrics", "metrics_b", "secondary_metric", "percent_metrics")
METRICS_OR_COLUMNS = ("x_axis_sort", "timeseries_limit_metric")
FILTERS = ("adhoc_filters", "adhoc_filters_b")
KNOWN = {
    *("big_number", "big_number_total", "box_plot", "echarts_area", "echarts_timeseries_bar"),
    *("echarts_timeseries_line", "gantt_chart", "gauge_chart", "heatmap_v2", "mixed_timeseries"),
    *("pie", "table", "treemap_v2", "world_map"),
}
"""Types of charts whose columns and metrics stand under these parameters."""
WITHOUT_METRIC = {"gantt_chart"}
DATES = "TEMPORAL_RANGE"
"""Operator of the filter through which a dashboard's dates reach a chart."""


@dataclass(frozen=True)
class Chart:
    """A chart file's content."""

    content: dict[str, Any]

    @property
    def viz_type(self) -> str:
        """What Superset draws."""
        return str(self.content.get("viz_type"))

    @property
    def description(self) -> str:
        """What it shows, in words."""
        return str(self.content.get("description") or "")

    @property
    def params(self) -> dict[str, Any]:
        """How it is drawn, and from what."""
        return dict(self.content.get("params") or {})

    @property
    def is_known(self) -> bool:
        """Whether we know where its columns stand."""
        return self.viz_type in KNOWN

    @property
    def needs_metric(self) -> bool:
        """Whether it can be drawn from columns alone."""
        return self.viz_type not in WITHOUT_METRIC and self.params.get("query_mode") != "raw"

    @cached_property
    def columns(self) -> set[str]:
        """Columns that it reads."""
        listed = {name for key in COLUMNS for name in _names(self.params.get(key))}
        ordered = {json.loads(text)[0] for text in self.params.get("order_by_cols") or []}
        return listed | ordered | {str(each["subject"]) for each in self.filters}

    @cached_property
    def metrics(self) -> set[str]:
        """Metrics that it shows, by the name they have in the dataset."""
        return {name for key in METRICS for name in _names(self.params.get(key))}

    @cached_property
    def either(self) -> set[str]:
        """Names of columns or metrics, by which it sorts, formats or colours."""
        sorted_by = {name for key in METRICS_OR_COLUMNS for name in _names(self.params.get(key))}
        coloured = {str(each["column"]) for each in self.params.get("conditional_formatting") or []}
        return sorted_by | coloured | set(self.params.get("column_config") or {})

    @property
    def filters(self) -> list[dict[str, Any]]:
        """Its own filters on a column."""
        return [each for each in self._filters if each["expressionType"] == "SIMPLE"]

    @property
    def conditions(self) -> list[str]:
        """Its own filters in SQL, as they stand in a query: `HAVING ...` or `WHERE ...`."""
        in_sql = (each for each in self._filters if each["expressionType"] == "SQL")
        return [f"{each['clause']} {each['sqlExpression']}" for each in in_sql]

    @property
    def told_apart(self) -> set[str]:
        """Columns by which rows are chosen or grouped."""
        grouped = {name for key in ("groupby", "x_axis") for name in _names(self.params.get(key))}
        return grouped | {str(each["subject"]) for each in self.filters}

    @property
    def takes_dates(self) -> bool:
        """Whether a dashboard's dates reach it."""
        return any(each["operator"] == DATES for each in self.filters)

    @property
    def _filters(self) -> list[dict[str, Any]]:
        return [each for key in FILTERS for each in self.params.get(key) or []]


def _names(value: Any) -> list[str]:  # noqa: ANN401  # whatever YAML holds
    """Names under a parameter: one, a list, or none.

    A metric made up in the chart itself is shown by its label: no dataset has it, which is found.
    """
    if not value:
        return []
    each = value if isinstance(value, list) else [value]
    return [str(one.get("label") or one) if isinstance(one, dict) else str(one) for one in each]
