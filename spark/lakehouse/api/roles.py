"""Who may do what: four roles, each of which may do all that those before it may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from lakehouse.api.marts import EVERYBODY


class Role(IntEnum):
    """What a caller may do.

    A viewer sees figures of groups; an analyst also single sessions and journeys, and asks in SQL;
    an operator also how the tables and the service are; an admin everything.
    """

    VIEWER = 1
    ANALYST = 2
    OPERATOR = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """Its name in keys, tokens and the audit log."""
        return self.name.lower()


ROLES = {role.word: role for role in Role}


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        id: Of the key or of the token's subject, hashed: no name of a person.
        role: What he may do.
        tenant: Whose rows he sees; `*` = everybody's.
    """

    id: str
    role: Role
    tenant: str = EVERYBODY
