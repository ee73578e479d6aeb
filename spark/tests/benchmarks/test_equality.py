"""The judge of a comparison notices what differs."""

from __future__ import annotations

import duckdb
import pytest
from deltalake import write_deltalake

from benchmarks.equality import Judge

TABLE = "gold.figures"
TOLD = """
SELECT * FROM (VALUES (DATE '2026-01-01', 'a', 3, 0.5), (DATE '2026-01-02', 'b', 4, 0.25),
                      (DATE '2026-01-03', NULL, 5, NULL)) AS t(day, name, n, rate)"""


def made(home, query=TOLD):
    home.mkdir()
    duckdb.connect().sql(query).write_parquet(str(home / f"{TABLE}.parquet"))
    return home


@pytest.fixture
def judge(tmp_path):
    return Judge(made(tmp_path / "reference"))


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"FROM ({TOLD}) ORDER BY day DESC", id="other-order"),
        pytest.param(f"SELECT rate, n::BIGINT AS n, name, day FROM ({TOLD})", id="other-columns"),
        pytest.param(f"SELECT * REPLACE (rate * (1 + 1e-13) AS rate) FROM ({TOLD})", id="rounding"),
    ],
)
def test_what_is_no_difference_is_none(judge, tmp_path, query):
    assert judge.differing(made(tmp_path / "peer", query)) == []


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(f"FROM ({TOLD}) WHERE n > 3", id="a-row-less"),
        pytest.param(f"FROM ({TOLD}) UNION ALL FROM ({TOLD})", id="each-row-twice"),
        pytest.param(
            f"FROM ({TOLD}) WHERE n = 3 UNION ALL FROM ({TOLD}) WHERE n = 3 UNION ALL "
            f"FROM ({TOLD}) WHERE n = 3",
            id="a-row-in-place-of-others",
        ),
        pytest.param(f"SELECT * REPLACE (n + 1 AS n) FROM ({TOLD})", id="a-number"),
        pytest.param(
            f"SELECT * REPLACE (coalesce(name, '') AS name) FROM ({TOLD})", id="empty-for-null"
        ),
        pytest.param(
            f"SELECT * REPLACE (if(n = 3, 0.25, if(n = 4, 0.5, NULL)) AS rate) FROM ({TOLD})",
            id="doubles-swapped",
        ),
        pytest.param(f"SELECT * REPLACE (coalesce(rate, 0) AS rate) FROM ({TOLD})", id="zero"),
        pytest.param(f"SELECT * EXCLUDE (rate) FROM ({TOLD})", id="a-column-less"),
    ],
)
def test_a_difference_is_told(judge, tmp_path, query):
    assert judge.differing(made(tmp_path / "peer", query)) == [TABLE]


def test_a_table_that_is_not_there_differs(judge, tmp_path):
    assert judge.differing(tmp_path) == [TABLE]


def test_a_table_of_a_lake_is_read_at_the_version_that_is_told(judge, tmp_path):
    uri = tmp_path / "lake/gold/figures"
    uri.mkdir(parents=True)
    write_deltalake(uri, duckdb.connect().sql(f"FROM ({TOLD}) LIMIT 1").to_arrow_table())
    write_deltalake(uri, duckdb.connect().sql(TOLD).to_arrow_table(), mode="overwrite")
    write_deltalake(uri, duckdb.connect().sql(TOLD).to_arrow_table(), mode="append")
    found = [judge.differing(tmp_path / "lake", {TABLE: version}) for version in range(3)]
    assert found == [[TABLE], [], [TABLE]]
    assert judge.differing(tmp_path / "lake", {}) == [TABLE]
