"""The words of `sources.toml`, as the file writes them."""

from __future__ import annotations

import codecs
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakehouse.spec.mapping import Condition, Format, Mapping, Take, Unit


def _text(value: Any) -> Any:  # noqa: ANN401  # whatever the file says
    """A number or a truth value as records write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _listed(value: Any) -> Any:  # noqa: ANN401  # same
    return [_text(each) for each in (value if isinstance(value, list) else [value])]


def _as_take(value: Any) -> Any:  # noqa: ANN401  # same
    return [{"from": each} if isinstance(each, str) else each for each in _listed(value)]


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Words(BaseModel):
    """A table of the file, in which no other words may stand."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class TakeWords(Words):
    """The words of `Take`, as the file writes them."""

    path: str = Field("", alias="from")
    constant: Annotated[str | None, BeforeValidator(_text)] = None
    hash: Texts = ()
    extract: str | None = None
    values: dict[str, str] = {}  # pydantic copies it
    otherwise: str | None = None
    format: str | None = None
    zone: str | None = None
    unit: Unit | None = None

    def take(self) -> Take:
        """What it says."""
        return Take(
            path=self.path,
            constant=self.constant,
            hashed=self.hash,
            extract=self.extract,
            values=tuple(self.values.items()),
            otherwise=self.otherwise,
            format=self.format,
            zone=self.zone,
            unit=self.unit,
        )


class MappingWords(Words):
    """The words of `Mapping`, as the file writes them."""

    files: str
    source: str
    preset: str | None = None
    format: Format | None = None
    delimiter: str | None = None
    encoding: str | None = None
    columns: tuple[str, ...] = ()
    line: str | None = None
    missing: Texts = ()
    fields: dict[str, Annotated[tuple[TakeWords, ...], BeforeValidator(_as_take)]] = {}
    keep: dict[str, Texts] = {}  # pydantic copies it
    drop: dict[str, Texts] = {}  # same

    def mapping(self) -> Mapping:
        """What it says."""
        return Mapping(
            files=self.files,
            source=self.source,
            format="text" if self.line else self.format,
            delimiter=self.delimiter,
            encoding=None if _is_utf8(self.encoding) else self.encoding,
            columns=self.columns,
            line=self.line,
            missing=self.missing,
            fields=tuple((n, tuple(t.take() for t in every)) for n, every in self.fields.items()),
            keep=tuple(Condition(path, texts) for path, texts in self.keep.items()),
            drop=tuple(Condition(path, texts) for path, texts in self.drop.items()),
        )


def _is_utf8(encoding: str | None) -> bool:
    """Whether it goes without saying; a file in UTF-8 can be read from its middle."""
    return encoding is not None and codecs.lookup(encoding).name == "utf-8"
