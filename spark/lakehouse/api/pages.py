"""What requests may ask for: days, views, pages, formats; checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Depends, Header, Path, Query

from lakehouse.api.formats import negotiated
from lakehouse.api.problems import ProblemError

MOST_ROWS, ROWS = 10_000, 1_000
_LEGAL = r"^[^\x00]+$"
"""PostgreSQL has no text with U+0000."""

Name = Annotated[str, Path(min_length=1, max_length=512, pattern=_LEGAL)]
Text = Annotated[str | None, Query(min_length=1, max_length=512, pattern=_LEGAL)]
View = Annotated[
    Literal["all", "human", "strict"],
    Query(description="Whose events count: all, those of people, or strictly only those."),
]


async def accepted(accept: Annotated[str, Header(include_in_schema=False)] = "") -> str:
    """The best of our media types that a client accepts.

    Raises:
        ProblemError: None is accepted.
    """
    return negotiated(accept)


Media = Annotated[str, Depends(accepted)]


@dataclass(frozen=True)
class Page:
    """Which part of an answer is wanted, and how.

    Attributes:
        limit: Rows at most.
        cursor: Where it begins; empty = at the beginning.
        media: Its media type.
        etags: Answers that the client has.
    """

    limit: int
    cursor: str
    media: str
    etags: frozenset[str]

    def has(self, etag: str) -> bool:
        """Whether the client has this answer already."""
        return etag in self.etags or "*" in self.etags


@dataclass(frozen=True)
class Days:
    """A range of days, both included; None = without an end."""

    first: date | None
    last: date | None


# Asynchronous, though they wait for nothing: others are called in threads, one after another.
async def page(
    media: Media,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows at most.")] = ROWS,
    cursor: Annotated[
        str, Query(max_length=4096, description="`next_cursor` of the page before.")
    ] = "",
    if_none_match: Annotated[
        str, Header(description="ETag of an answer: 304 while it is the same.")
    ] = "",
) -> Page:
    """What a request says of its page."""
    etags = frozenset(tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return Page(limit, cursor, media, etags)


async def days(
    first: Annotated[
        date | None, Query(alias="from", description="First day; default: the oldest.")
    ] = None,
    last: Annotated[
        date | None, Query(alias="to", description="Last day; default: the newest.")
    ] = None,
) -> Days:
    """What a request says of days.

    Raises:
        ProblemError: They end before they begin.
    """
    if first and last and last < first:
        detail = f"from={first} is after to={last}"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-request", detail)
    return Days(first, last)


APage = Annotated[Page, Depends(page)]
SomeDays = Annotated[Days, Depends(days)]
