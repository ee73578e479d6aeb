"""What there is: key figures, tables and their versions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from lakehouse.api.caching import TimeToLive
from lakehouse.api.callers import AsOperator, AsViewer
from lakehouse.api.endpoints.telling import Of, told
from lakehouse.api.listing import Written
from lakehouse.api.pages import APage, Name
from lakehouse.catalog import views
from lakehouse.errors import LakehouseError
from lakehouse.metrics.web_kpis import KPIS
from lakehouse.spec import BOOLEAN, DATE, LONG, STRING, TIMESTAMP, Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakehouse.api.marts import Publication
    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings

MOST_VERSIONS = 100
router = APIRouter(tags=["catalogue"])
METRICS = Written(
    key=("name",),
    tables=("gold.web_kpis",),
    cache=TimeToLive(60),
    columns=(
        Column("name", STRING, "Name in `/kpis/{name}`.", nullable=False),
        Column("title", STRING, "Its name for people.", nullable=False),
        Column("sentence", STRING, "What it means.", nullable=False),
        Column("numerator", STRING, "What is counted or summed; empty for a percentile."),
        Column("denominator", STRING, "What that is divided by; empty for a count."),
        Column("unit", STRING, "Of the value: rate 0-1, pct and score 0-100.", nullable=False),
        Column("higher_is_better", BOOLEAN, "Whether more is better; null where neither is."),
        Column("dimensions", STRING, "What `by` may be, separated by commas.", nullable=False),
        Column("views", STRING, "Whose events it is told for.", nullable=False),
    ),
    make=lambda _: [
        (
            *(kpi.name, kpi.title, kpi.sentence, kpi.numerator, kpi.denominator, kpi.unit),
            kpi.higher_is_better,
            ", ".join(kpi.breakdown or kpi.dimensions),
            ", ".join(kpi.views),
        )
        for kpi in KPIS
    ],
)
TABLES = Written(
    key=("table_name",),
    cache=TimeToLive(5),
    columns=(
        Column("table_name", STRING, "Name.", nullable=False),
        Column("layer", STRING, "bronze, silver or gold.", nullable=False),
        Column("owner", STRING, "Who answers for it.", nullable=False),
        Column("what", STRING, "What it is, and its grain.", nullable=False),
        Column("version", LONG, "Published Delta version.", nullable=False),
        Column("rows", LONG, "Its rows.", nullable=False),
        Column("data_as_of", DATE, "Newest day that counts in it."),
        Column("restated_at", TIMESTAMP, "When a final figure of it last changed, UTC."),
        Column("published_at", TIMESTAMP, "When it was published, UTC."),
    ),
    make=lambda _: [],
)
VERSIONS = Written(
    key=("age", "version"),
    cache=TimeToLive(10),
    columns=(
        Column("age", LONG, "0 = the newest, 1 = the one before, …", nullable=False),
        Column("version", LONG, "Delta version.", nullable=False),
        Column("is_published", BOOLEAN, "Whether readers see it.", nullable=False),
        Column("operation", STRING, "What made it; null where the lake is not at hand."),
        Column("run_id", STRING, "The run that made it."),
        Column("at", TIMESTAMP, "When, UTC."),
    ),
    make=lambda _: [],
)


@router.get("/metrics-catalogue", **told("MetricsCatalogue", METRICS))
async def metrics_catalogue(page: APage, service: Of, caller: AsViewer) -> Response:
    """Every key figure: what it means, its unit, and what it can be broken down by."""
    return await service.answer(caller, page, METRICS)


@router.get("/tables", **told("Tables", TABLES))
async def tables(request: Request, page: APage, service: Of, caller: AsViewer) -> Response:
    """The published tables."""
    registry: Registry = request.app.state.registry

    def make(known: Mapping[str, Publication]) -> list[tuple[Any, ...]]:
        return [
            (
                *(name, registry[name].table.layer, registry[name].table.owner),
                registry[name].doc.splitlines()[0],
                *(each.version, each.rows, each.data_as_of, each.restated_at, each.published_at),
            )
            for name, each in known.items()
            if name in registry.entries
        ]

    return await service.answer(caller, page, replace(TABLES, make=make))


@router.get("/tables/{name}/versions", **told("Versions", VERSIONS, 404))
async def versions(
    request: Request, name: Name, page: APage, service: Of, caller: AsOperator
) -> Response:
    """Commits of a table, newest first, and which of them is published."""
    registry: Registry = request.app.state.registry
    registry[name]  # 404 with the closest names
    settings: Settings = request.app.state.settings

    def make(known: Mapping[str, Publication]) -> list[tuple[Any, ...]]:
        return _versions(registry, settings, name, known.get(name))

    asked = replace(VERSIONS, make=make, about=name, tables=(name,))
    return await service.answer(caller, page, asked, or_else=f"{name} was never published")


def _versions(
    registry: Registry, settings: Settings, name: str, published: Publication | None
) -> list[tuple[Any, ...]]:
    """The lake's history; where there is only a serving database, the version that it has."""
    served = published.version if published else None
    try:
        found = views.history(registry[name].table, settings, MOST_VERSIONS)
    except (LakehouseError, OSError):
        at = published.published_at if published else None
        return [] if served is None else [(0, served, True, None, None, at)]
    return [
        (
            *(age, each["version"]),
            # Readers of a serving database may see an older one than readers of the lake.
            each["published"] == "yes" if served is None else each["version"] == served,
            *(each["operation"], each["run_id"], each["at"]),
        )
        for age, each in enumerate(found)
    ]
