"""The marts of unusual days against their definition, on generated files with faults put in."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import pytest
import unusual_days
from interactions_oracle import GENERATOR, Oracle
from tables.test_growth_oracle import Oracle as GrowthOracle

pytestmark = [pytest.mark.spark, pytest.mark.spark_too, pytest.mark.turns(2)]

QUIET_DAY, BOUNCING_DAY = "2026-02-13", "2026-02-17"
UNPAID_DAY = "2026-02-11"


def generate(lake, domain, *words):
    command = [sys.executable, str(GENERATOR), "--out", str(lake.raw), "--domains", domain]
    command += ["--days", "50", "--seed", "11", "--quiet", "--force", *words]
    subprocess.run(command, check=True)


def break_use(lake):
    """On one day most users are missing, on another most visits have one action only."""
    file = lake.raw / "user_interactions.csv"
    seen, kept = set(), []
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        user, moment, *_ = [*line.split(",")[1:], "", ""]
        is_lost = moment.startswith(QUIET_DAY) and user[-1:] not in "01"
        is_second = moment.startswith(BOUNCING_DAY) and user in seen
        if moment.startswith(BOUNCING_DAY):
            seen.add(user)
        if not is_lost and not is_second:
            kept.append(line)
    file.write_text("".join(kept), encoding="utf-8")


def break_payment(lake):
    """For a day nobody can pay."""
    file = lake.raw / "conversions.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if UNPAID_DAY not in json.loads(line)["conversion_date"]]
    file.write_text("".join(kept), encoding="utf-8")


def usage(oracle):
    (until,) = {row["d"] for row in oracle.rows("SELECT newest() AS d")}
    counts = [
        (row["activity_date"], (name, row["dimension_name"], row["dimension_value"]), row[name])
        for row in oracle.rows("FROM dau")
        for name in ("dau", "n_interactions")
    ]
    bounces = oracle.rows("FROM bounces")
    counts += [
        (r["metric_date"], ("n_sessions", r["dimension_name"], r["dimension_value"]), n)
        for r in bounces
        if (n := r["total_sessions"])
    ]
    return unusual_days.unusual_counts(
        counts,
        until=until,
        least=lambda series: 100 if series[0] == "n_interactions" else 10,
        worse="either",
    ) + unusual_days.unusual_bounces(bounces, until=until)


def conversions(oracle):
    ((until,),) = oracle.db.execute("SELECT day FROM as_of").fetchall()
    counts = oracle.db.execute("""
        SELECT conversion_date, ('n_conversions', g.name, g.value), count(*)
        FROM user_dim JOIN first_conversion USING (user_id), LATERAL (VALUES
            (NULL, NULL), ('company_size', coalesce(company_size, 'unknown')),
            ('industry', coalesce(industry, 'unknown'))) AS g(name, value)
        GROUP BY ALL""").fetchall()
    return unusual_days.unusual_counts(counts, until=until, least=lambda _: 10, worse="below")


def assert_equal(found, wanted):
    """Same findings; figures as near as their last rounded place."""
    keys = ("metric_date", "metric_name", "dimension_name", "dimension_value", "series_name")

    def place(row):
        return [str(row.get(name)) for name in (*keys, "series_value")]

    found = [
        {k: v for k, v in row.items() if k not in {"description", "is_complete"}} for row in found
    ]
    found, wanted = sorted(found, key=place), sorted(wanted, key=place)
    assert [place(row) for row in found] == [place(row) for row in wanted]
    for row, said in zip(found, wanted, strict=True):
        assert row == said | {
            "value": pytest.approx(said["value"]),
            "baseline": pytest.approx(said["baseline"], abs=1.1e-3),
            "z_score": pytest.approx(said["z_score"], abs=1e-6),
        }


def test_the_marts_of_unusual_days_find_what_their_definition_finds(lake):
    generate(lake, "interactions", "--users", "400", "--interactions", "12000", "--dirty", "0.02")
    break_use(lake)
    lake.run("+gold.usage_anomalies", "+gold.performance_anomalies")
    oracle = Oracle(lake.raw)
    wanted = usage(oracle)
    assert_equal(lake.rows("gold.usage_anomalies"), wanted)
    told = {(row["metric_name"], row["metric_date"].isoformat()) for row in wanted}
    assert {(name, QUIET_DAY) for name in ("dau", "n_sessions")} <= told
    assert ("bounce_rate", BOUNCING_DAY) in told
    wanted = unusual_days.unusual_speeds(oracle.rows("FROM speeds"))
    assert_equal(lake.rows("gold.performance_anomalies"), wanted)
    assert wanted


def test_a_day_without_payment_is_found_as_the_definition_finds_it(lake):
    generate(lake, "growth", "--users", "8000", "--events", "8000")
    break_payment(lake)
    lake.run("+gold.conversion_anomalies")
    wanted = conversions(GrowthOracle(lake.raw))
    assert_equal(lake.rows("gold.conversion_anomalies"), wanted)
    told = {row["metric_date"] for row in wanted if row["dimension_name"] is None}
    assert date.fromisoformat(UNPAID_DAY) in told
