"""Declared contracts → JSON Schemas (draft 2020-12), one for each kind of record.

A schema says what a sender may send: the kind's fields and those of every record, nested as the
records are, what must be told, and the row rules that a schema has words for. The other rules stand
in its comment. Fields that nobody declared are allowed.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from lakehouse.spec.columns import BOOLEAN, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakehouse.spec import EventType, Field, RowRule, Source

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
NULL = "null"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
_OFFSET = "([Zz]|[+-][0-9]{2}:?[0-9]{2})?"
_TYPES: dict[str, Schema] = {
    STRING: {"type": ["string"]},
    BOOLEAN: {"type": ["boolean"]},
    INT: {"type": ["integer"]},
    LONG: {"type": ["integer"]},
    DOUBLE: {"type": ["number"]},
    DATE: {"type": ["string"], "pattern": f"^{_DAY}$"},
    TIMESTAMP: {"type": ["string"], "pattern": f"^{_DAY}([Tt ]{_TIME}{_OFFSET})?$"},
}
_BOUNDS: dict[type[exp.Expr], str] = {
    exp.GTE: "minimum",
    exp.GT: "exclusiveMinimum",
    exp.LTE: "maximum",
    exp.LT: "exclusiveMaximum",
}


@dataclass
class Limits:
    """What row rules say in the words of a schema.

    Attributes:
        of_field: Keywords of each field.
        groups: Names of which at least one must be told.
        others: Rules that a schema has no words for.
    """

    of_field: dict[str, Schema] = field(default_factory=dict)
    groups: list[tuple[str, ...]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def file_name(kind: str, version: int) -> str:
    """Where the schema of a kind stands, below the folder of its source."""
    return f"{kind}.v{version}.json"


def schemas(source: Source, docs: Mapping[str, str]) -> dict[str, Schema]:
    """The schemas of a source's contract in its declared version, by file name.

    Args:
        source: The source; without a contract it has none.
        docs: What fields mean, by name.
    """
    contract = source.contract
    if contract is None:
        return {}
    limits = limits_of(source)
    return {
        file_name(kind.name, contract.version): _of_kind(source, kind, limits, docs)
        for kind in contract.kinds
    }


def limits_of(source: Source) -> Limits:
    """The row rules of a source, beside those that follow from its contract."""
    limits = Limits()
    own = source.contract.rules() if source.contract else ()
    for rule in source.rules:
        if rule not in own:
            _take(rule, limits)
    limits.others.append(f"No moment is before {source.since}; one without an offset is in UTC.")
    return limits


def _take(rule: RowRule, limits: Limits) -> None:
    predicate = sqlglot.parse_one(rule.predicate, read="duckdb")
    if group := _group(predicate):
        limits.groups.append(group)
    elif words := _words(predicate):
        limits.of_field.setdefault(predicate.this.name, {}).update(words)
    else:
        limits.others.append(rule.doc)


def _group(predicate: exp.Expr) -> tuple[str, ...]:
    """The names of `coalesce(…) IS NOT NULL`; empty for anything else."""
    inner = predicate.this
    is_told = isinstance(predicate, exp.Not) and isinstance(inner, exp.Is)
    if not (is_told and isinstance(inner.expression, exp.Null)):
        return ()
    parts = [inner.this.this, *inner.this.expressions]
    is_group = isinstance(inner.this, exp.Coalesce)
    return tuple(each.name for each in parts) if is_group else ()


def _words(predicate: exp.Expr) -> Schema:
    """What a predicate about one field is called in a schema; empty where that has no word."""
    if not isinstance(predicate.this, exp.Column):
        return {}
    if isinstance(predicate, exp.Between):
        low, high = predicate.args["low"], predicate.args["high"]
        return {"minimum": low.to_py(), "maximum": high.to_py()}
    if isinstance(predicate, exp.In):
        return {"enum": [each.to_py() for each in predicate.expressions]}
    if isinstance(predicate, exp.RegexpFullMatch):
        return {"pattern": f"^({predicate.expression.to_py()})$"}
    bound = _BOUNDS.get(type(predicate))
    return {bound: predicate.expression.to_py()} if bound else {}


def _of_kind(source: Source, kind: EventType, limits: Limits, docs: Mapping[str, str]) -> Schema:
    contract = source.contract
    of_kinds = {name for each in contract.kinds for name in each.fields} if contract else set()
    required = {*source.required, *kind.required}
    root = _object()
    for told in source.fields:
        if told.name in of_kinds and told.name not in kind.fields:
            continue
        is_required = told.name in required
        holder = _holder(root, told, is_required=is_required)
        schema = _of_field(told, limits, is_required=is_required)
        if contract and told.name == contract.told_by:
            schema = {"const": kind.name}
        doc = {"description": docs[told.name]} if told.name in docs else {}
        names = (told.name, *told.also)
        holder["properties"] |= {name: doc | deepcopy(schema) for name in names}
        if is_required:
            _require(holder, names)
    for group in limits.groups:
        _require(root, group)
    version = contract.version if contract else 0
    head = {
        "$schema": DRAFT,
        "$id": f"urn:lakehouse:{source.name}:{kind.name}:{version}",
        "title": f"{kind.name} of {source.name}",
        "description": kind.doc,
        "$comment": " ".join(limits.others),
    }
    return _tidy(head | root)


def _tidy(schema: Schema) -> Schema:
    """The same, shorter: what is of one type says so without a list."""
    tidy = {key: value for key, value in schema.items() if (key, value) != ("required", [])}
    if "type" in schema and len(schema["type"]) == 1:
        (tidy["type"],) = schema["type"]
    if "properties" in schema:
        tidy["properties"] = {name: _tidy(inner) for name, inner in schema["properties"].items()}
    return tidy


def _object() -> Schema:
    return {"type": ["object"], "required": [], "properties": {}, "additionalProperties": True}


def _holder(root: Schema, told: Field, *, is_required: bool) -> Schema:
    """The object that a field stands in. What is around something required is required."""
    holder = root
    for name in filter(None, told.at.split(".")):
        missing = _object() | {"type": ["object", NULL]}
        inner: Schema = holder["properties"].setdefault(name, missing)
        if is_required:
            inner["type"] = ["object"]
            _require(holder, (name,))
        holder = inner
    return holder


def _require(holder: Schema, names: tuple[str, ...]) -> None:
    """At least one of some fields must be told; null tells nothing."""
    if len(names) == 1:
        holder["required"] = sorted({*holder["required"], *names})
        return
    ways = [{"required": [name], "properties": {name: {"not": {"type": NULL}}}} for name in names]
    holder.setdefault("allOf", []).append({"anyOf": ways})


def _of_field(told: Field, limits: Limits, *, is_required: bool) -> Schema:
    words: Schema = deepcopy(limits.of_field.get(told.name, {}))
    lowest = words.get("minimum", words.get("exclusiveMinimum"))
    schema = _typed(told.type, is_signed=lowest is None or lowest < 0)
    if not is_required:
        schema["type"].append(NULL)
        if "enum" in words:
            words["enum"].append(None)
    return schema | words


def _typed(name: str, *, is_signed: bool) -> Schema:
    if not name.startswith("decimal"):
        return deepcopy(_TYPES[name])
    precision, scale = (int(each) for each in name[len("decimal(") : -1].split(","))
    sign = "-?" if is_signed else ""
    # As a text it is exact in every language.
    pattern = f"^{sign}[0-9]{{1,{precision - scale}}}(\\.[0-9]+)?$"
    return {"type": ["number", "string"], "pattern": pattern}
