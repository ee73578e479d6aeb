"""How an endpoint is told in the OpenAPI document: the model of its rows, formats and problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

from lakehouse.api.formats import ARROW, CSV, model
from lakehouse.api.problems import MEDIA, Problem
from lakehouse.api.service import Service
from lakehouse.catalog.registry import registry

if TYPE_CHECKING:
    from lakehouse.api.listing import Listing

_PROBLEMS = {
    400: "The request is wrong.",
    401: "No key, or none in force.",
    403: "The key's role is too small.",
    406: "No format of ours is accepted.",
    422: "A parameter is wrong.",
    429: "Too many requests of this key.",
    503: "The marts are away; ask again as Retry-After says.",
}


def problems(*more: int) -> dict[int | str, dict[str, Any]]:
    """Answers that are problems."""
    schema = {"$ref": "#/components/schemas/Problem"}
    told = {**_PROBLEMS, **dict.fromkeys(more, "There is no such thing.")}
    return {
        status: {"description": text, "content": {MEDIA: {"schema": schema}}}
        for status, text in told.items()
    }


def told(name: str, listing: Listing, *more: int) -> dict[str, Any]:
    """What a route says of itself.

    Args:
        name: Of the model.
        listing: Its rows.
        more: Statuses of further problems.
    """
    tables = (registry()[table] for table in listing.tables)
    grains = (f"`{each.table.name}`: {' '.join(each.doc.split())}" for each in tables)
    formats: dict[str, Any] = {media: {"schema": {"type": "string"}} for media in (CSV, ARROW)}
    return {
        "response_model": None,
        "responses": {
            200: {"model": model(name, listing.columns), "content": formats},
            304: {"description": "The client has this answer already."},
            **problems(*more),
        },
        "description": "\n\n".join(grains),
    }


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Of = Annotated[Service, Depends(_service)]
__all__ = ["Of", "Problem", "problems", "told"]
