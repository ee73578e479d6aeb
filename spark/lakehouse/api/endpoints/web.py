"""Pages, funnels, sources, devices and key figures of the web: figures of groups."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from lakehouse.api.caching import ByVersion, RefreshAhead
from lakehouse.api.callers import AsViewer
from lakehouse.api.endpoints.breakdowns import Sums
from lakehouse.api.endpoints.telling import Of, told
from lakehouse.api.listing import Listing
from lakehouse.api.pages import APage, Name, SomeDays, Text, View
from lakehouse.errors import close_to
from lakehouse.metrics.web_kpis import KPIS

router = APIRouter(tags=["web"])
PAGE_METRICS = Listing.of("gold.page_metrics", ByVersion(), day="metric_date")
PAGE_PERFORMANCE = Listing.of("gold.page_performance", ByVersion(), day="metric_date")
FUNNELS = Listing.of("gold.funnel_conversion", ByVersion(), day="metric_date")
KEY_FIGURES = Listing.of("gold.web_kpis", RefreshAhead(), day="metric_date")
TRAFFIC_SOURCES = Sums.of(
    "gold.traffic_sources", RefreshAhead(), ("channel", "source", "medium", "campaign")
)
DEVICES = Sums.of("gold.web_devices", RefreshAhead(), ("device_type", "browser", "os"))
NAMES = {kpi.name: kpi for kpi in KPIS}

ByDevice = Annotated[
    list[Literal["device_type", "country"]],
    Query(description="Break down by; without it the figures are those of all."),
]


@router.get("/pages/{page_id:path}/metrics", **told("PageMetrics", PAGE_METRICS))
async def page_metrics(
    page_id: Name, days: SomeDays, page: APage, service: Of, caller: AsViewer, view: View = "all"
) -> Response:
    """Views, visitors, entries, exits, bounces, attention and clicks of a page, by day."""
    asked = PAGE_METRICS.equal(page_id=page_id, view=view).within(days.first, days.last)
    return await service.answer(caller, page, asked)


@router.get("/pages/{page_id:path}/performance", **told("PagePerformance", PAGE_PERFORMANCE))
async def page_performance(
    page_id: Name,
    days: SomeDays,
    page: APage,
    service: Of,
    caller: AsViewer,
    by: ByDevice = [],  # noqa: B006  # FastAPI copies it
    vital: Text = None,
) -> Response:
    """Percentiles of loading times and web vitals of a page, by day and vital."""
    asked = PAGE_PERFORMANCE.equal(page_id=page_id, **({"vital": vital} if vital else {}))
    asked = asked.broken_down(by, ("device_type", "country")).within(days.first, days.last)
    return await service.answer(caller, page, asked)


@router.get("/funnels/{funnel_id}/conversion", **told("FunnelConversion", FUNNELS))
async def funnel_conversion(
    funnel_id: Name,
    days: SomeDays,
    page: APage,
    service: Of,
    caller: AsViewer,
    view: View = "all",
    by: Literal["device_type", "channel"] | None = None,
) -> Response:
    """Who entered a funnel, reached each step and left before the next, by day of entry."""
    asked = FUNNELS.equal(funnel_id=funnel_id, view=view, dimension_name=by)
    return await service.answer(caller, page, asked.within(days.first, days.last))


@router.get("/kpis/{name}", **told("Kpi", KEY_FIGURES, 404))
async def kpi(
    name: Name,
    days: SomeDays,
    page: APage,
    service: Of,
    caller: AsViewer,
    view: View = "all",
    by: Annotated[
        Text, Query(description="Break down by one of its dimensions: see the catalogue.")
    ] = None,
) -> Response:
    """A key figure by day: numerator, denominator and value, in the unit that the row tells."""
    asked = KEY_FIGURES.equal(kpi=name, view=view, dimension_name=by)
    unknown = "" if name in NAMES else f"no key figure {name}.{close_to(name, NAMES)}"
    asked = asked.within(days.first, days.last)
    return await service.answer(caller, page, asked, or_else=unknown)


@router.get("/traffic-sources", **told("TrafficSources", TRAFFIC_SOURCES.listing))
async def traffic_sources(
    days: SomeDays,
    page: APage,
    service: Of,
    caller: AsViewer,
    view: View = "all",
    by: Annotated[
        list[Literal["channel", "source", "medium", "campaign"]],
        Query(description="Sum up by these; without it every combination has a row."),
    ] = [],  # noqa: B006  # FastAPI copies it
) -> Response:
    """Where sessions come from, by day: sessions, visitors, bounces, conversions, revenue."""
    asked = TRAFFIC_SOURCES.by(by).equal(view=view).within(days.first, days.last)
    return await service.answer(caller, page, asked)


@router.get("/devices", **told("Devices", DEVICES.listing))
async def devices(
    days: SomeDays,
    page: APage,
    service: Of,
    caller: AsViewer,
    view: View = "all",
    by: Annotated[
        list[Literal["device_type", "browser", "os"]],
        Query(description="Sum up by these; without it every combination has a row."),
    ] = [],  # noqa: B006  # FastAPI copies it
) -> Response:
    """Devices, browsers and systems of sessions, by day, with the same figures."""
    asked = DEVICES.by(by).equal(view=view).within(days.first, days.last)
    return await service.answer(caller, page, asked)
