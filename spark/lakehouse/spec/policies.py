"""Policies: what the owner of a lake decides about the meaning of tables, in a declared file.

A policy is a section of a file of `data/reference`. A table names the policies that its rows follow
from: with other contents it is made again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping

AnyPolicy = TypeVar("AnyPolicy", bound="Policy")


class Policy(BaseModel):
    """A section of a file of policies. Subclasses declare its keys, and judge their values.

    Attributes:
        file: Name of the file, below the folder of reference data.
        section: Name of the section; of a list of tables, the model has one field of its name.
        lists: Reference lists beside the file, by the field that holds their rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: ClassVar[str]
    section: ClassVar[str]
    lists: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def of_file(cls) -> tuple[type[Policy], ...]:
        """All kinds that the file of this one may tell, by section."""
        bases = (
            each for each in cls.__mro__[1:] if each is not Policy and issubclass(each, Policy)
        )
        kinds = {kind for base in bases for kind in base.__subclasses__()} | {cls}
        return tuple(sorted(kinds, key=lambda kind: kind.section))

    @property
    def digest(self) -> str:
        """What it says, in one short word."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Policies:
    """The policies of a lake, by their kind."""

    chosen: dict[type[Policy], Policy] = field(default_factory=dict)

    def of(self, kind: type[AnyPolicy]) -> AnyPolicy:
        """The policy of a kind.

        Raises:
            KeyError: No table declares it.
        """
        found: Any = self.chosen[kind]
        policy: AnyPolicy = found
        return policy
