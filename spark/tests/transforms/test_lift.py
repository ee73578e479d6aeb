"""Effects and intervals against published figures."""

from __future__ import annotations

import pytest

from lakehouse.transforms import lift

pytestmark = [pytest.mark.spark, pytest.mark.spark_too]

# Newcombe (1998), Statistics in Medicine 17:873-890, table II, method 10.
NEWCOMBE = {
    "56_of_70_and_48_of_80": ((56, 70, 48, 80), (0.2, 0.0524, 0.3339)),
    "9_of_10_and_3_of_10": ((9, 10, 3, 10), (0.6, 0.1705, 0.8090)),
    "6_of_7_and_2_of_7": ((6, 7, 2, 7), (4 / 7, 0.0582, 0.8062)),
    "5_of_56_and_0_of_29": ((5, 56, 0, 29), (5 / 56, -0.0381, 0.1926)),
    "nobody": ((0, 10, 0, 20), (0.0, -0.1611, 0.2775)),
    "everybody_and_nobody": ((10, 10, 0, 20), (1.0, 0.6791, 1.0)),
}


def test_the_risk_difference_has_newcombes_interval(spark):
    rows = [(case, *counts) for case, (counts, _) in NEWCOMBE.items()]
    frame = spark.createDataFrame(
        [*rows, ("no_users", 0, 0, 1, 9)], "case string, a bigint, n bigint, c bigint, m bigint"
    )
    estimate = lift.risk_difference(*(frame[name] for name in ("a", "n", "c", "m")))
    found = {row[0]: tuple(row[1:]) for row in frame.select("case", *estimate.named("d")).collect()}
    assert found.pop("no_users") == (None, None, None)
    for case, (_, published) in NEWCOMBE.items():
        assert found[case] == pytest.approx(published, abs=5e-5), case
        value, low, high = found[case]
        assert low <= value <= high


def test_the_rate_ratio_has_a_log_normal_interval_and_is_null_with_an_empty_cell(spark):
    # Rothman & Greenland, breast cancer and fluoroscopy: 41 in 28 010, 15 in 19 017 woman-years.
    frame = spark.createDataFrame(
        [(41, 28010, 15, 19017), (0, 10, 1, 10), (1, 10, 1, 0)],
        "a bigint, s bigint, c bigint, t bigint",
    )
    estimate = lift.rate_ratio(*(frame[name] for name in "asct"))
    found, *empty = (tuple(row) for row in frame.select(*estimate.named("r")).collect())
    assert found == pytest.approx((1.8558, 1.0273, 3.3526), abs=1e-3)
    assert empty == [(None, None, None)] * 2


def test_the_mantel_haenszel_difference_weighs_strata_and_ignores_those_without_both(spark):
    strata = [
        (40, 20, 10, 5),  # converted: half and half
        (10, 5, 40, 10),  # half and a quarter
        (7, 7, 0, 0),  # nobody to compare with
    ]
    shape = "array<struct<" + ",".join(f"{name}:bigint" for name in lift.STRATUM) + ">>"
    frame = spark.createDataFrame(
        [(strata,), (strata[::-1],), ([(9, 4, 9, 9)],), ([(7, 7, 0, 0)],), ([],)], f"strata {shape}"
    )
    summed = frame.withColumns(lift.strata_sums(frame["strata"]))
    estimate = lift.mantel_haenszel_risk_difference()
    found = [tuple(row) for row in summed.select(*estimate.named("d")).collect()]
    # Weights 8 and 8. Variance: 64 (20·20/40³ + 5·5/10³ + 5·5/10³ + 10·30/40³) / 16².
    half = 1.959963984540054 * ((0.00625 + 0.025 + 0.025 + 0.0046875) / 4) ** 0.5
    assert found[0] == pytest.approx((0.125, 0.125 - half, 0.125 + half))
    assert found[0] == found[1]
    assert found[2] == (pytest.approx(4 / 9 - 1), None, None)  # everybody of the others converted
    assert found[3:] == [(None, None, None)] * 2
