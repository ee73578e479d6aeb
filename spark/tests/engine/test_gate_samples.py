"""Which rows a failed check shows."""

from __future__ import annotations

import json
from datetime import date

import pytest

from conftest import engine_of
from lakehouse.io.state import State
from lakehouse.quality.gates import Subject, evaluate
from lakehouse.spec.checks import OUTPUT, not_null, unique

pytestmark = pytest.mark.spark


def test_of_rows_that_are_alike_the_columns_and_their_number_are_shown(spark):
    told = [("a", 1, True), ("a", 1, True), ("a", 1, False), ("b", 1, True), (None, 2, True)]
    rows = spark.createDataFrame(told, "k string, n int, is_current boolean")
    state = State(table="gold.t", version=0, head=0, run_id="r", token=1)
    checks = (unique("k", where="is_current"), unique("k", "n"), not_null("k"))
    subjects = {OUTPUT: Subject(lambda: rows, state, engine_of("gold.t", spark))}
    results = evaluate("gold.t.output", checks, subjects, date(2026, 1, 1))
    samples = [[json.loads(text) for text in result.samples] for result in results]
    assert samples == [
        [{"k": "a", "n_rows": 2}],
        [{"k": "a", "n": 1, "n_rows": 3}],
        [{"n": 2, "is_current": True}],
    ]
    assert [result.told for result in results] == [
        "1 row, none allowed",
        "2 rows, none allowed",
        "1 row, none allowed",
    ]
