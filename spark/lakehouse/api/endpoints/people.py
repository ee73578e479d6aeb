"""Single sessions and the journeys of visitors: for analysts alone."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from lakehouse.api.caching import ByVersion
from lakehouse.api.callers import AsAnalyst
from lakehouse.api.endpoints.telling import Of, told
from lakehouse.api.listing import Listing
from lakehouse.api.pages import APage, Name, SomeDays
from lakehouse.catalog.registry import registry

router = APIRouter(tags=["people"])
_SESSIONS = registry()["silver.web_sessions"].table
_JOURNEYS = registry()["gold.visitor_journeys"].table
_OF_JOURNEYS = ("path", "conversions")
_KEY = ("visitor_id", "session_number")
SESSION = Listing(
    tables=(_SESSIONS.name, _JOURNEYS.name),
    sql=(
        f"(SELECT s.*, {', '.join(f'j.{name}' for name in _OF_JOURNEYS)} "
        f"FROM {{{_SESSIONS.name}}} AS s LEFT JOIN {{{_JOURNEYS.name}}} AS j "
        f"ON {' AND '.join(f's.{name} = j.{name}' for name in _KEY)})"
    ),
    columns=(
        *_SESSIONS.columns,
        *(column for column in _JOURNEYS.columns if column.name in _OF_JOURNEYS),
    ),
    key=("session_id",),
    cache=ByVersion(),
)
JOURNEY = Listing.of(_JOURNEYS.name, ByVersion(), day="session_date")


@router.get("/sessions/{session_id}", **told("Session", SESSION, 404))
async def session(session_id: Name, page: APage, service: Of, caller: AsAnalyst) -> Response:
    """One session: when, from where, on what, its pages and what came of it."""
    asked = SESSION.equal(session_id=session_id)
    return await service.answer(caller, page, asked, or_else="no session has this id")


@router.get("/users/{user_id:path}/journey", **told("Journey", JOURNEY, 404))
async def journey(
    user_id: Name, days: SomeDays, page: APage, service: Of, caller: AsAnalyst
) -> Response:
    """The sessions of a visitor, newest day first: pages in order, and conversions."""
    asked = JOURNEY.equal(visitor_id=user_id).within(days.first, days.last)
    unknown = "" if days.first or days.last else "no session is of this visitor"
    return await service.answer(caller, page, asked, or_else=unknown)
