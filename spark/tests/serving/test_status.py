"""`ops.table_status`: what it says of a table that has rejects."""

from __future__ import annotations

import pytest

from conftest import signup
from lakehouse.catalog.registry import registry
from lakehouse.serving.status import table_status

pytestmark = pytest.mark.spark
TABLE = "bronze.user_signups"


def test_rows_count_as_quarantined_until_their_file_is_mended(lake):
    def status():
        (row,) = table_status(lake.settings, registry(), [TABLE])
        return row["rows_quarantined"]

    assert status() == 0
    lake.land("user_signups.jsonl", [signup("a"), signup("b") | {"signup_date": "soon"}])
    lake.run(TABLE)
    assert status() == 1
    lake.land("user_signups.jsonl", [signup("a"), signup("b")])
    lake.run(TABLE)
    assert status() == 0
