from __future__ import annotations

import ast
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse import reporting
from lakehouse.catalog.registry import registry
from lakehouse.reporting import numbers
from lakehouse.reporting.lineage import around, graph
from lakehouse.reporting.prose import prose


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (numbers.count(1234567), "1,234,567"),
        (numbers.compact(0), "0"),
        (numbers.compact(9999), "9,999"),
        (numbers.compact(20_000), "20k"),
        (numbers.compact(1_500_000), "1.5M"),
        (numbers.percent(0.1275), "12.8 %"),
        (numbers.points(0.0234), "+2.3"),
        (numbers.points(-0.0234), "-2.3"),
        (numbers.points(-0.0001), "0.0"),
        (numbers.points_tick(0), "0"),
        (numbers.change(0.0512), "+5.1 %"),
        (numbers.change(-0.5), "-50.0 %"),
        (numbers.change(-0.0001), "0.0 %"),
        (numbers.ratio(1.8449), "1.84"),
        (numbers.money(Decimal("395325.49")), "395,325"),
        (numbers.measured(0.0321456), "0.0321"),
        (numbers.measured(400.0), "400"),
        (numbers.decimal(7.25), "7.2"),
        (numbers.moment(datetime(2026, 3, 1, 8, 5, tzinfo=UTC)), "2026-03-01 08:05 UTC"),
        (numbers.plural(1, "row"), "1 row"),
        (numbers.plural(2, "row"), "2 rows"),
    ],
)
def test_numbers_read_as_people_write_them(shown, expected):
    assert shown.replace(numbers.NBSP, " ").replace(numbers.MINUS, "-") == expected


def test_no_value_is_a_dash():
    forms = (numbers.count, numbers.percent, numbers.points, numbers.ratio, numbers.money)
    forms += (numbers.change, numbers.measured, numbers.decimal, numbers.day, numbers.moment)

    assert {form(None) for form in forms} == {numbers.NOTHING}


def test_prose_knows_paragraphs_lists_and_marks():
    text = (
        "One `a < b`\nline with **weight** and *stress*, 2 * 3 * 4.\n\n"
        "Then:\n- first\n  on\n- second"
    )

    assert prose(text) == (
        "<p>One <code>a &lt; b</code> line with <strong>weight</strong> and <em>stress</em>, "
        "2 * 3 * 4.</p>\n<p>Then:</p><ul><li>first on</li><li>second</li></ul>"
    )


def test_the_graph_stands_upstream_first():
    nodes = graph(registry())

    assert nodes["landing.conversions"].layer == "landing"
    for node in nodes.values():
        assert all(nodes[name].column < node.column for name in node.inputs)


def test_around_a_table_stand_its_ancestors_and_descendants():
    found = around(registry(), "silver.feature_states")

    assert {"landing.feature_releases", "bronze.feature_releases"} <= found
    assert "gold.feature_conversion_impact" in found
    assert "bronze.user_signups" not in found


def test_nothing_here_imports_an_engine():
    for path in Path(reporting.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.startswith(("pyspark", "delta."))], path
