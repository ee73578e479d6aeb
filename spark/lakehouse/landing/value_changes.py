"""What schemas say about single values: of which kind they are, in which limits, and how apart."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lakehouse.landing.contract_changes import fewer, least, most, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lakehouse.landing.schema_documents import Node

Schema = dict[str, Any]
INTEGER, FRACTION = "integer", "a number with a fraction"
NUMBERS = {INTEGER, FRACTION}
KINDS = {"null", "boolean", "string", "array", "object"} | NUMBERS
"""Of which kinds a value can be; a number is of one of two."""
_LIMITS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


def kinds(known: Iterable[Schema]) -> set[str]:
    """The kinds that a value can be of, under all of some schemas."""
    possible = set(KINDS)
    for each in known:
        if "type" in each:
            told = {each["type"]} if isinstance(each["type"], str) else set(each["type"])
            possible &= told | (NUMBERS if "number" in told else set())
    return possible


def by_kind(known: Sequence[Schema]) -> list[list[Node]]:
    """What is known, once for each kind that a value can be of."""
    possible = kinds(known)
    if possible == KINDS:
        return [list(known)]
    if possible >= NUMBERS:
        possible = (possible - NUMBERS) | {"number"}
    return [[*known, {"type": kind}] for kind in sorted(possible)]


def listed(schema: Schema) -> list[Any] | None:
    """The values that a schema lists."""
    values: list[Any] | None = [schema["const"]] if "const" in schema else schema.get("enum")
    return values


def of_kinds(known: Sequence[Schema], after: Schema) -> Iterator[str]:
    """Kinds that are lost."""
    possible = kinds(known)
    lost = possible - kinds([after])
    if lost and lost == possible:
        was = [each["type"] for each in known if "type" in each]
        yield f"was {named(was[:1])}, and is {named(after['type'])}"
    elif lost:
        yield f"may not be {named(lost)} any more"


def of_limits(known: Sequence[Schema], after: Schema) -> Iterator[str]:
    """Limits that are tighter, and values that are listed."""
    possible = kinds(known)
    if (values := listed(after)) is not None:
        yield from fewer(None, values)
    if possible & NUMBERS:
        yield from _of_numbers(known, after)
    for kind, (low, high) in _LIMITS.items():
        if kind not in possible:
            continue
        if after.get(low, 0) > max(each.get(low, 0) for each in known):
            yield f"has {low} {after[low]}, and had less"
        none = float("inf")
        if after.get(high, none) < min(each.get(high, none) for each in known):
            yield f"has {high} {after[high]}, and had more"
    if "array" in possible and after.get("uniqueItems"):
        yield from _of_repeated(known)


def _of_repeated(known: Sequence[Schema]) -> Iterator[str]:
    if not any(each.get("uniqueItems") for each in known):
        yield "may not have the same item twice any more"


def _of_numbers(known: Sequence[Schema], after: Schema) -> Iterator[str]:
    if least(after) > (lowest := max(least(each) for each in known)):
        yield f"is at least {least(after)[0]}, and was at least {lowest[0]}"
    if most(after) < (highest := min(most(each) for each in known)):
        yield f"is at most {most(after)[0]}, and was at most {highest[0]}"
    if "multipleOf" in after:
        step = Fraction(str(after["multipleOf"]))
        steps = [Fraction(str(each["multipleOf"])) for each in known if "multipleOf" in each]
        if FRACTION not in kinds(known):
            steps.append(Fraction(1))
        if not any((each / step).denominator == 1 for each in steps):
            yield f"is a multiple of {after['multipleOf']}, which it had not to be"


def items(schema: Schema) -> tuple[list[Node], Node]:
    """The schemas of the first items, and that of the others."""
    if isinstance(schema.get("items"), list):
        return schema["items"], schema.get("additionalItems", True)
    return schema.get("prefixItems", []), schema.get("items", True)


def is_apart(one: Sequence[Schema], other: Sequence[Schema]) -> bool:
    """Whether no value can be valid under both: by its kind, or by a name's text in objects."""
    shared = kinds(one) & kinds(other)
    if shared != {"object"}:
        return not shared
    mine, yours = _texts(one), _texts(other)
    return any(not mine[name] & yours[name] for name in mine.keys() & yours.keys())


def _texts(known: Sequence[Schema]) -> dict[str, set[str]]:
    """Names that must be told, and are one of a few texts."""
    required = {name for each in known for name in each.get("required", ())}
    found = {}
    for each in known:
        for name, schema in each.get("properties", {}).items():
            values = listed(schema) if isinstance(schema, dict) else None
            is_of_texts = values and all(isinstance(value, str) for value in values)
            if values and is_of_texts and name in required:
                found[name] = set(values)
    return found
