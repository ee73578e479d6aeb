"""Mappings: how the records of a file that others designed become records of a source."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

Unit = Literal["s", "ms", "us", "ns"]
Format = Literal["json", "csv", "parquet", "text"]

_STEP = re.compile(
    r"""(?P<dot>\.?)(?:"(?P<quoted>[^"]+)"|(?P<name>[^."\[\]]+)"""
    r"""|\[(?P<index>\d+)\]|\[(?P<key>[^\]=]+)=(?P<value>[^\]]+)\])"""
)


@dataclass(frozen=True)
class Step:
    """One step of a path: a name, the place in a list, or the element of a list with some value.

    Attributes:
        name: Name in an object.
        index: Place in a list, from 0.
        key: Name in the elements of a list, of which the first counts that has the value.
        value: The value.
    """

    name: str = ""
    index: int | None = None
    key: str = ""
    value: str = ""


@lru_cache
def steps(path: str) -> tuple[Step, ...]:
    """The steps of a path such as `properties.time`, `items[0].id`, `params[key=page].value`.

    A name with a dot or a bracket in it stands in quotes: `properties."page.path"`.

    Raises:
        ValueError: It is none.
    """
    found: list[Step] = []
    position = 0
    while position < len(path):
        met = _STEP.match(path, position)
        is_name = met and (met["quoted"] or met["name"])
        if met is None or bool(met["dot"]) != bool(found and is_name):
            raise ValueError(f"{path!r} is not a valid path: cannot parse {path[position:]!r}")
        index = int(met["index"]) if met["index"] else None
        name = met["quoted"] or met["name"] or ""
        found.append(Step(name, index, met["key"] or "", met["value"] or ""))
        position = met.end()
    if not found or not found[0].name:
        raise ValueError(f"{path!r} is not a valid path: it must start with a name")
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Take:
    """One way to come by the value of a field; what it does to it happens in this order.

    Args:
        path: Where the value stands in a record.
        constant: The value of every record.
        hashed: Paths of values of which the MD5 is taken; at least one must have a value.
        extract: Regular expression; what its one group matches is the value.
        values: The value to put in place of another.
        otherwise: In place of those that `values` does not name; empty = no value. None = kept.
        format: How a moment is written, in the letters of strptime.
        zone: Time zone of a moment that names none.
        unit: Of a number: since 1970 for a moment, else of a duration.
    """

    path: str = ""
    constant: str | None = None
    hashed: tuple[str, ...] = ()
    extract: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    otherwise: str | None = None
    format: str | None = None
    zone: str | None = None
    unit: Unit | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths that it reads."""
        return (self.path, *self.hashed) if self.path else self.hashed


@dataclass(frozen=True)
class Condition:
    """A value of a record is one of several; `*` stands for any text."""

    path: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """How records of some files become records of a source.

    Args:
        files: Which files, below the landing folder: `*` within a folder, `**` across folders.
        source: The source.
        format: What they hold; None = what their names say.
        delimiter: Between the cells of text; None = found out.
        encoding: Of text; None = found out.
        columns: Names of the columns of a text without a header.
        line: Regular expression with named groups: each line that it matches is a record of them.
        missing: Texts that stand for no value, beside those of the source.
        fields: Of each field of the source, the ways to come by its value: the first counts that
            has one.
        keep: A record without one of these is left out.
        drop: A record with one of these is left out.
    """

    files: str
    source: str
    format: Format | None = None
    delimiter: str | None = None
    encoding: str | None = None
    columns: tuple[str, ...] = ()
    line: str | None = None
    missing: tuple[str, ...] = ()
    fields: tuple[tuple[str, tuple[Take, ...]], ...] = ()
    keep: tuple[Condition, ...] = ()
    drop: tuple[Condition, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """A part of what its files hold: with another mapping they hold something else."""
        return hashlib.blake2b(repr(self).encode(), digest_size=8).hexdigest()

    def governs(self, path: str) -> bool:
        """Whether it is about a file, named by its path below the landing folder."""
        return _pattern(self.files).fullmatch(path) is not None

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """All paths that it reads, each once."""
        takes = (take for _, every in self.fields for take in every)
        conditions = (each.path for each in (*self.keep, *self.drop))
        found = [*(path for take in takes for path in take.paths), *conditions]
        return tuple(dict.fromkeys(found))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names at the top of a record that it reads, each once."""
        return tuple(dict.fromkeys(steps(path)[0].name for path in self.paths))


@lru_cache
def _pattern(files: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", files)
    words = {"**/": r"(?:.*/)?", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts))
