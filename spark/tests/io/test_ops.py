"""Rows of the lake's own tables come back as they were written."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from lakehouse.io import ops
from lakehouse.settings import load_settings

ROW = {
    "run_id": 'a "quoted"\nid, é \x01',
    "table_name": "gold.t",
    "gate": "output",
    "version": 2**62 + 1,
    "check_name": "few",
    "sentence": "",
    "severity": None,
    "minimum": None,
    "maximum": 0.1,
    "value": 5e-324,
    "passed": False,
    "samples": ["x" * 3_000_000, '{"a": "b"}'],
    "checked_at": datetime(2026, 1, 5, 23, 59, 59, 999999, UTC),
}


@pytest.mark.parametrize("value", [5e-324, -0.0, math.inf, None])
def test_what_is_written_is_what_is_read(tmp_path, value):
    settings = load_settings(root=str(tmp_path))
    rows = [ROW | {"value": value}, {"run_id": "b", "samples": None}]
    ops.append(settings, "quality_results", rows)
    first, second = ops.read(settings, "quality_results", "SELECT * FROM t ORDER BY run_id")
    assert first == rows[0]
    assert {k: v for k, v in second.items() if v is not None} == {"run_id": "b"}
