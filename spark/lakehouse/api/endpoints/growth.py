"""What features do for conversion, and who comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from lakehouse.api.caching import ByVersion
from lakehouse.api.callers import AsViewer
from lakehouse.api.endpoints.telling import Of, told
from lakehouse.api.listing import Listing
from lakehouse.api.pages import APage, SomeDays, Text
from lakehouse.catalog.registry import registry

router = APIRouter(tags=["growth"])
_IMPACT = registry()["gold.feature_conversion_impact"].table
_LIFT = registry()["gold.feature_conversion_lift"].table
_OF_LIFT = tuple(
    replace(column, nullable=True)
    for column in _LIFT.columns
    if column.name not in {"feature_id", "feature_name"}
)
IMPACT = Listing(
    tables=(_IMPACT.name, _LIFT.name),
    sql=(
        f"(SELECT i.*, {', '.join(f'l.{column.name}' for column in _OF_LIFT)} "
        f"FROM {{{_IMPACT.name}}} AS i LEFT JOIN {{{_LIFT.name}}} AS l "
        "ON i.feature_id = l.feature_id)"
    ),
    columns=(*_IMPACT.columns, *_OF_LIFT),
    key=_IMPACT.write.grain,
    cache=ByVersion(),
)
RETENTION = Listing.of("gold.cohort_retention", ByVersion(), day="cohort_week")


@router.get("/growth/impact", **told("GrowthImpact", IMPACT))
async def impact(
    page: APage,
    service: Of,
    caller: AsViewer,
    feature_name: Text = None,
    cohort: Annotated[
        Literal["used_before_conversion", "available_not_used", "not_available"] | None, Query()
    ] = None,
) -> Response:
    """Conversion by feature and cohort and, beside these biased rates, the honest lift."""
    wanted = {"feature_name": feature_name, "cohort": cohort}
    asked = IMPACT.equal(**{name: value for name, value in wanted.items() if value is not None})
    return await service.answer(caller, page, asked)


@router.get("/engagement/retention", **told("Retention", RETENTION))
async def retention(
    days: SomeDays, page: APage, service: Of, caller: AsViewer, *, complete: bool = False
) -> Response:
    """Who of a week's new users comes back in each later week; from and to are cohort weeks."""
    asked = RETENTION.equal(is_complete=True) if complete else RETENTION
    return await service.answer(caller, page, asked.within(days.first, days.last))
