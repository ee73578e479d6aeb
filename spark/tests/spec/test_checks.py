"""How a check tells what it found."""

from __future__ import annotations

import pytest

from lakehouse.spec.checks import at_most_rejected, fresh_within, in_range, not_empty, not_null

HALF = at_most_rejected(0.5)
FRESH = fresh_within("silver.x", "day", days=2)


@pytest.mark.parametrize(
    ("check", "value", "told"),
    [
        (HALF, 0.72, "72 %, at most 50 %"),
        (HALF, 0.5, "50 %, at most 50 %"),
        (HALF, 0.50004, "50.004 %, at most 50 %"),
        (at_most_rejected(0.005), 0.0123, "1.23 %, at most 0.5 %"),
        (FRESH, 241, "241 days, at most 2 days"),
        (FRESH, 1, "1 day, at most 2 days"),
        (FRESH, None, "no value"),
        (not_empty(), 0, "0 rows, at least 1 row"),
        (not_null("a"), 1_234_567, "1,234,567 rows, none allowed"),
        (in_range("a", 0, 1), 1, "1 row, none allowed"),
    ],
)
def test_a_number_and_its_limit_are_told_as_people_write_them(check, value, told):
    assert check.told(value) == told
