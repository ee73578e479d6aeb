"""Answers: from the cache where its strategy allows it, from one reading of the marts otherwise."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.responses import Response

from lakehouse.api import formats
from lakehouse.api.cache import STALE, Kept
from lakehouse.api.formats import About
from lakehouse.api.listing import IS_COMPLETE, Written
from lakehouse.api.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from lakehouse.api.cache import Cache
    from lakehouse.api.listing import Listing
    from lakehouse.api.marts import Publication, Reading
    from lakehouse.api.pages import Page
    from lakehouse.api.reading import Reader, Versions
    from lakehouse.api.roles import Caller


@dataclass
class Service:
    """What endpoints need.

    Attributes:
        reader: The marts.
        versions: What is published of them.
        cache: Answers of before.
        turns: Queries in SQL that may run side by side: they leave connections to the others.
    """

    reader: Reader
    versions: Versions
    cache: Cache
    turns: asyncio.Semaphore

    async def answer(
        self, caller: Caller, page: Page, listing: Listing, *, or_else: str = ""
    ) -> Response:
        """One page of a listing, or that the client has it already (304).

        Args:
            caller: Who asks.
            page: Which part he wants, and how.
            listing: Of what.
            or_else: What to say where there is no row at all: 404; empty = that is an answer.

        Raises:
            ProblemError: The page is none, or there is no row and must be one.
            PublishError: The marts are away, and no answer was kept.
        """
        after = listing.after(page.cursor) if page.cursor else None
        key = _digest(listing.digest, page.cursor, str(page.limit), page.media, caller.tenant)
        known = await self.versions.current()
        chosen = {name: known[name] for name in listing.tables or known if name in known}
        marks = _marks(chosen.values())
        if page.has(etag_of(key, marks)) and self.versions.is_sure:
            return Response(status_code=304, headers=_headers(etag_of(key, marks)))

        def of_tables(reading: Reading) -> Kept:
            found = listing.rows(reading, after, page.limit)
            return made(key, page, listing, found, reading.publications)

        def of_versions(written: Written) -> Kept:
            return made(key, page, listing, written.made(chosen, after, page.limit), chosen)

        async def make() -> Kept:
            if isinstance(listing, Written):
                return await asyncio.to_thread(of_versions, listing)
            return await self.reader.read(listing.tables, caller.tenant, of_tables)

        kept, how = await self.cache.answer(listing.cache, key, marks, make)
        if or_else and kept.n_rows == 0:
            raise ProblemError(HTTPStatus.NOT_FOUND, "not-found", or_else)
        return self._response(page, kept, how)

    def _response(self, page: Page, kept: Kept, how: str) -> Response:
        headers = _headers(kept.etag) | kept.headers | {"Cache-Status": f"lakehouse; {how}"}
        if how == STALE or not self.versions.is_sure:
            headers["Warning"] = '110 - "the marts are away: this was so when they last answered"'
        if page.has(kept.etag):
            return Response(status_code=304, headers=headers)
        return Response(kept.body, headers=headers, media_type=kept.media)


def made(
    key: str,
    page: Page,
    listing: Listing,
    found: Sequence[tuple[Any, ...]],
    publications: Mapping[str, Publication],
) -> Kept:
    """The answer that a reading gives."""
    rows = found[: page.limit]
    cursor = listing.cursor(rows[-1]) if len(found) > page.limit else None
    about = told_about(publications, is_complete=_is_complete(listing, rows), cursor=cursor)
    marks = _marks(publications.values())
    return Kept(
        body=formats.body(page.media, listing.columns, rows, about),
        media=page.media,
        headers=formats.headers(about),
        etag=etag_of(key, marks),
        marks=marks,
        n_rows=len(rows),
    )


def told_about(
    publications: Mapping[str, Publication],
    *,
    is_complete: bool | None = None,
    cursor: str | None = None,
) -> About:
    """What an answer tells beside its rows."""
    days = [each.data_as_of for each in publications.values() if each.data_as_of]
    moments = [each.restated_at for each in publications.values() if each.restated_at]
    return About(
        data_version={name: each.version for name, each in sorted(publications.items())},
        data_as_of=min(days, default=None),
        restated_at=max(moments, default=None),
        is_complete=is_complete,
        next_cursor=cursor,
    )


def etag_of(key: str, marks: str) -> str:
    """Names an answer: what was asked, and the versions it is made of."""
    return f'"{_digest(key, marks)}"'


def _marks(publications: Iterable[Publication]) -> str:
    return "|".join(sorted(each.mark for each in publications))


def _headers(etag: str) -> dict[str, str]:
    return {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization",
    }


def _is_complete(listing: Listing, rows: Sequence[tuple[Any, ...]]) -> bool | None:
    names = [column.name for column in listing.columns]
    if IS_COMPLETE not in names:
        return None
    place = names.index(IS_COMPLETE)
    return all(row[place] for row in rows)


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
