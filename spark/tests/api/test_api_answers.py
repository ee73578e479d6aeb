"""What endpoints tell: the rows of the published marts, whatever serves them, in every format."""

from __future__ import annotations

import csv
import io
from datetime import date

import pyarrow as pa
import pytest
from api.api_world import DAYS, LISTINGS, TABLES, TENANTS
from api.asked_for import SQL

from lakehouse.api.formats import ARROW, CSV
from lakehouse.catalog import views
from lakehouse.catalog.views import Wanted

TENANT_ROWS = DAYS * len(TENANTS)


def rows(client, path, **parameters):
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def shown(world, table, where, order):
    """The same rows as `lakehouse show` tells them."""
    return views.peek(
        world.registry[table].table, world.settings, Wanted(where=where, order=order, n=100)
    )


@pytest.mark.parametrize(
    ("path", "table", "where"),
    [
        ("/pages/home/metrics?view=all", "gold.page_metrics", "page_id = 'home'"),
        ("/pages/home/performance", "gold.page_performance", "page_id = 'home'"),
        ("/funnels/checkout/conversion", "gold.funnel_conversion", "funnel_id = 'checkout'"),
        ("/kpis/bounce_rate", "gold.web_kpis", "kpi = 'bounce_rate'"),
        ("/traffic-sources", "gold.traffic_sources", "true"),
        ("/devices", "gold.web_devices", "true"),
        ("/users/u 1/x/journey", "gold.visitor_journeys", "visitor_id = 'u 1/x'"),
        ("/engagement/retention", "gold.cohort_retention", "true"),
        ("/growth/impact", "gold.feature_conversion_impact", "true"),
        ("/sessions/acme session_id 0", "silver.web_sessions", "session_id = 'acme session_id 0'"),
    ],
    ids=lambda value: value if value.startswith("/") else "",
)
def test_the_figures_are_those_of_lakehouse_show(api, marts_world, path, table, where):
    acme = marts_world.key(tenant="acme")
    answer = api.get(path, headers=acme)
    assert answer.status_code == 200, answer.text
    told = answer.json()["data"]
    spec = marts_world.registry[table].table
    where = f"{where} AND tenant_id = 'acme'"
    expected = shown(marts_world, table, where, ", ".join(spec.write.grain))
    assert len(told) == len(expected) > 0
    names = [name for name in spec.column_names if name in told[0] and name != "conversions"]
    assert len(names) >= len(spec.column_names) - 2  # all but the tenant
    as_told = sorted(str([str(_same(row[name])) for name in names]) for row in told)
    assert as_told == sorted(str([str(_same(row[name])) for name in names]) for row in expected)


def _same(value):
    """JSON has neither days nor moments nor exact numbers."""
    if isinstance(value, str) and value.endswith("Z"):
        return value[:-1].replace("T", " ")
    return str(value).removesuffix("+00:00").removesuffix(".00") if value is not None else None


def test_every_answer_tells_its_publication(api):
    answer = api.get("/pages/home/metrics")
    told = answer.json()
    assert told["data_version"] == {"gold.page_metrics": 0}
    assert told["data_as_of"] == "2026-11-04"
    assert told["restated_at"] is None
    assert told["is_complete"] is False  # the last day is not over
    assert answer.headers["data-version"] == "gold.page_metrics=0"
    two = api.get("/growth/impact").json()["data_version"]
    assert two == {"gold.feature_conversion_impact": 0, "gold.feature_conversion_lift": 0}


def test_days_are_cut_off_at_both_ends(api):
    days = rows(api, "/pages/home/metrics", **{"from": "2026-11-02", "to": "2026-11-03"})
    assert {row["metric_date"] for row in days} == {"2026-11-02", "2026-11-03"}
    answer = api.get("/pages/home/metrics", params={"from": "2026-11-02", "to": "2026-11-03"})
    assert answer.json()["is_complete"] is True


def test_pages_hold_every_row_once(api, marts_world):
    acme = marts_world.key(tenant="acme")
    whole = api.get("/traffic-sources", headers=acme).json()["data"]
    found, cursor = [], ""
    for _ in range(DAYS + 1):
        answer = api.get("/traffic-sources", params={"limit": 1, "cursor": cursor}, headers=acme)
        told = answer.json()
        found += told["data"]
        cursor = told["next_cursor"]
        if cursor is None:
            break
    assert found == whole
    assert [row["metric_date"] for row in found] == sorted(
        (row["metric_date"] for row in whole), reverse=True
    )


def test_a_cursor_is_of_its_own_question(api):
    cursor = api.get("/traffic-sources", params={"limit": 1}).json()["next_cursor"]
    for path, wrong in (("/devices", cursor), ("/traffic-sources", "W10"), ("/devices", "é")):
        answer = api.get(path, params={"cursor": wrong})
        assert answer.status_code == 400
        assert answer.json()["type"] == "urn:lakehouse:problem:wrong-cursor"


def test_formats_hold_the_same_rows(api):
    told = rows(api, "/pages/home/metrics")
    as_csv = api.get("/pages/home/metrics", headers={"Accept": CSV})
    assert as_csv.headers["content-type"].startswith(CSV)
    read = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [row["metric_date"] for row in read] == [row["metric_date"] for row in told]
    assert [row["is_complete"] for row in read] == [str(r["is_complete"]).lower() for r in told]
    as_arrow = api.get("/pages/home/metrics", headers={"Accept": f"{ARROW}, */*;q=0.1"})
    table = pa.ipc.open_stream(as_arrow.content).read_all()
    assert table.schema.field("metric_date").type == pa.date32()
    assert [row["n_views"] for row in table.to_pylist()] == [row["n_views"] for row in told]
    assert api.get("/devices", headers={"Accept": "image/png"}).status_code == 406


def test_what_the_client_has_is_not_sent_again(api):
    first = api.get("/pages/home/metrics")
    again = api.get("/pages/home/metrics", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = {"If-None-Match": first.headers["etag"], "Accept": CSV}
    assert api.get("/pages/home/metrics", headers=other).status_code == 200
    assert api.get("/pages/home/metrics?view=human").headers["etag"] != first.headers["etag"]


def test_sums_over_parts_are_sums(api, marts_world):
    acme = marts_world.key(tenant="acme")
    [day, *_] = api.get("/traffic-sources?by=medium", headers=acme).json()["data"]
    assert day["medium"] == f"acme medium {DAYS - 1}"
    assert (day["channel"], day["n_visitors"]) == (None, None)
    together = api.get("/traffic-sources?by=medium").json()["data"]
    assert len(together) == TENANT_ROWS


def test_what_is_not_there_is_a_problem_that_says_so(api):
    for path, status, words in (
        ("/kpis/bounce_rat", 404, "Did you mean bounce_rate"),
        ("/sessions/none", 404, "no session has this id"),
        ("/users/nobody/journey", 404, "no session is of this visitor"),
        ("/tables/gold.web_kpi/versions", 404, "gold.web_kpis"),
        ("/pages/home/metrics?from=2026-11-31", 422, "from"),
        ("/pages/home/metrics?from=2026-11-02&to=2026-11-01", 422, "is after"),
        ("/pages/home/metrics?limit=0", 422, "limit"),
        ("/nothing", 404, "Not Found"),
    ):
        answer = api.get(path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert words in answer.json()["detail"], path


def test_the_catalogue_tells_tables_and_versions(api):
    tables = rows(api, "/tables")
    assert [row["table_name"] for row in tables] == TABLES
    assert {row["data_as_of"] for row in tables} == {date(2026, 11, 4).isoformat()}
    [newest] = rows(api, "/tables/gold.web_kpis/versions")
    assert (newest["version"], newest["is_published"]) == (0, True)
    assert "bounce_rate" in {row["name"] for row in rows(api, "/metrics-catalogue")}


def test_queries_see_what_endpoints_see(api, marts_world):
    acme = marts_world.key(tenant="acme")
    told = api.post("/query", json=SQL, headers=acme).json()
    assert {row["tenant_id"] for row in told["data"]} == {"acme"}
    assert (told["data_version"], told["truncated"]) == ({"gold.page_metrics": 0}, None)
    assert len(told["data"]) == DAYS
    refused = api.post("/query", json={"sql": "DELETE FROM gold.page_metrics"})
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:lakehouse:problem:query-statement"


def test_every_listing_is_ordered_by_a_key_that_it_tells():
    for listing in LISTINGS:
        assert set(listing.key) <= {column.name for column in listing.columns}
