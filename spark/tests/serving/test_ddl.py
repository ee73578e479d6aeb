"""What the statements say, without a server."""

from __future__ import annotations

from dataclasses import replace

from serving.toys import TOYS

from lakehouse.serving.ddl import Served

LONGEST = 63
"""PostgreSQL cuts longer names, in silence."""


def test_the_years_of_a_table_with_a_long_name_are_parts_of_their_own():
    served = Served(replace(TOYS, name=f"gold.{'toys_' * 20}"), "")
    names = {served.part(year).strip('"') for year in (2025, 2026)}
    assert {name[-5:] for name in names} == {"_2025", "_2026"}
    assert all(len(name) <= LONGEST for name in names)
