"""Which database serves this lake: the one that a setting names, or the lake's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakehouse.errors import ConfigError
from lakehouse.serving.embedded import Embedded
from lakehouse.serving.roles import READER, WRITER

if TYPE_CHECKING:
    from lakehouse.serving.roles import Role
    from lakehouse.settings import Settings


def find(settings: Settings, role: Role) -> str | None:
    """URL of the database for a role; None when no database serves this lake now."""
    named = {"writer": settings.postgres_url, "reader": settings.postgres_reader_url}
    if settings.postgres_url.get_secret_value():
        return named[role].get_secret_value() or None
    if settings.is_remote:
        return None
    return Embedded.of(settings).url(WRITER if role == "writer" else READER)


def url(settings: Settings, role: Role) -> str:
    """The same, where there must be one.

    Raises:
        ConfigError: No database serves this lake; says how to get one.
    """
    found = find(settings, role)
    if found is None:
        setting = f"LAKEHOUSE_POSTGRES_{'READER_' if role == 'reader' else ''}URL"
        raise ConfigError(f"no database; start one with `lakehouse database up`, or set {setting}")
    return found
