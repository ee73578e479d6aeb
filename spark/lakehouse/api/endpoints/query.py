"""`POST /query`: SQL of analysts over the published marts, read only."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from lakehouse.api import formats
from lakehouse.api.callers import AsAnalyst
from lakehouse.api.endpoints.telling import Of, problems
from lakehouse.api.formats import ARROW, CSV, About
from lakehouse.api.lake_marts import LakeReading
from lakehouse.api.marts import EVERYBODY, TENANT
from lakehouse.api.pages import Media
from lakehouse.api.postgres_marts import PostgresReading
from lakehouse.api.problems import ProblemError
from lakehouse.api.query.answer import Answer, Limits, QueryFailedError, QueryTimeoutError
from lakehouse.api.query.guard import guarded, published
from lakehouse.api.query.lake import run_on_lake
from lakehouse.api.query.postgres import run_on_postgres
from lakehouse.api.query.refusal import RefusedError
from lakehouse.api.service import told_about
from lakehouse.spec import Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakehouse.api.marts import Publication, Reading
    from lakehouse.api.query.guard import Guarded
    from lakehouse.api.roles import Caller
    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings

router = APIRouter(tags=["query"])
MOST_ROWS = 10_000
HELP_SECONDS = 3.0
"""What the query's own clock has to end it, before everything that reads is taken to be away."""
_FORBIDDEN = frozenset({"statement", "construct", "function", "relation"})


class Query(BaseModel):
    """A query."""

    model_config = ConfigDict(extra="forbid")

    sql: str = Field(
        min_length=1,
        max_length=20_000,
        description="One SELECT over published tables, in DuckDB's dialect; values as `$name`.",
        examples=["SELECT channel, sum(n_sessions) AS n FROM gold.traffic_sources GROUP BY 1"],
    )
    parameters: dict[str, bool | int | float | str | None] = Field(
        default_factory=dict, description="What the `$name`s are bound to."
    )
    limit: int = Field(MOST_ROWS, ge=1, le=MOST_ROWS, description="Rows at most.")
    explain: bool = Field(False, description="Tell the plan, and run nothing.")


class QueryAnswer(About):
    """What a query gave."""

    data: list[dict[str, Any]] = Field(description="The rows.")
    columns: dict[str, str] = Field(description="Type of each column, as the specs name them.")
    truncated: str | None = Field(description="Which limit cut it off: rows, bytes; null = none.")


@router.post(
    "/query",
    response_model=None,
    responses={
        200: {
            "model": QueryAnswer,
            "content": {media: {"schema": {"type": "string"}} for media in (CSV, ARROW)},
        },
        **problems(408, 413),
    },
)
async def query(
    request: Request,
    asked: Query,
    media: Media,
    service: Of,
    caller: AsAnalyst,
) -> Response:
    """Ask in SQL. What is not allowed is refused with the reason and the place in the query."""
    registry: Registry = request.app.state.registry
    settings: Settings = request.app.state.settings
    try:
        wanted = _judged(asked, registry, caller)

        def run(reading: Reading) -> tuple[Answer, Mapping[str, Publication]]:
            limits = Limits(seconds=settings.api_query_s)
            return _run(reading, wanted, limits, explain=asked.explain), reading.publications

        async with service.turns:
            answer, publications = await service.reader.read(
                wanted.relations, caller.tenant, run, seconds=settings.api_query_s + HELP_SECONDS
            )
    except RefusedError as error:
        forbidden = error.reason in _FORBIDDEN
        status = HTTPStatus.FORBIDDEN if forbidden else HTTPStatus.BAD_REQUEST
        raise ProblemError(
            status, f"query-{error.reason}", str(error), line=error.line, column=error.column
        ) from error
    except QueryTimeoutError as error:
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, "query-timeout", str(error)) from error
    except QueryFailedError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "query-failed", str(error)) from error
    return _response(media, answer, told_about(publications))


def _judged(asked: Query, registry: Registry, caller: Caller) -> Guarded:
    relations = published(registry)
    owned = (name for name, columns in relations.items() if TENANT in columns)
    filters = {name: (TENANT, caller.tenant) for name in owned if caller.tenant != EVERYBODY}
    return guarded(
        asked.sql,
        relations,
        parameters=asked.parameters,
        filters=filters,
        max_rows=asked.limit,
    )


def _run(reading: Reading, wanted: Guarded, limits: Limits, *, explain: bool) -> Answer:
    if isinstance(reading, LakeReading):
        marts = {name: reading.dataset(name) for name in wanted.relations}
        return run_on_lake(marts, wanted, limits=limits, explain=explain)
    if isinstance(reading, PostgresReading):
        return run_on_postgres(reading.connection, wanted, limits=limits, explain=explain)
    raise TypeError(reading)


def _response(media: str, answer: Answer, about: About) -> Response:
    columns = [
        Column(name, _type(kind), "")
        for name, kind in zip(answer.columns, answer.types, strict=True)
    ]
    more = {
        "columns": dict(zip(answer.columns, answer.types, strict=True)),
        "truncated": answer.truncated,
    }
    body = formats.body(media, columns, answer.rows, about, more)
    headers = formats.headers(about) | {"Cache-Control": "private, no-store", "Vary": "Accept"}
    if answer.truncated:
        headers["Truncated"] = answer.truncated
    return Response(body, headers=headers, media_type=media)


def _type(kind: str) -> str:
    return "decimal(38,9)" if kind == "decimal" else kind
