"""What a version of a contract may not change: records of the version before must stay valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.landing.contract_schemas import NULL, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator

Change = tuple[str, str]
"""The field, empty for the record itself, and what is wrong with it."""
KEEP = "keep it, and add another field"


def forbidden(before: Schema, after: Schema, path: str = "") -> Iterator[Change]:
    """What the later schema of a kind takes away, or asks in addition."""
    yield from _of_node(before, after, path)
    yield from ((path, f"asks for {named(each)}") for each in _asked(before, after))
    now = after.get("properties", {})
    for name, schema in before.get("properties", {}).items():
        inner = f"{path}.{name}".lstrip(".")
        if name in now:
            yield from forbidden(schema, now[name], inner)
        else:
            yield inner, "was removed; keep it, even if nobody sends it"


def _of_node(before: Schema, after: Schema, path: str) -> Iterator[Change]:
    was, now = _types(before), _types(after)
    if was - {NULL} != now - {NULL}:
        yield path, f"was of type {named(was)}, and is of type {named(now)}; {KEEP}"
    elif NULL in was - now:
        yield path, "may not be null any more; keep it optional"
    if before.get("const") != after.get("const"):
        yield path, f"was {before.get('const')!r}, and is {after.get('const')!r}; add a kind"
    if not after.get("additionalProperties", True) and before.get("additionalProperties", True):
        yield path, "forbids fields that nobody declared; allow them"
    yield from ((path, f"{each}; keep the limit") for each in _narrowed(before, after))


def _narrowed(before: Schema, after: Schema) -> Iterator[str]:
    """Limits of values that are tighter."""
    if least(after) > least(before):
        yield f"is at least {least(after)[0]}, and was at least {least(before)[0]}"
    if most(after) < most(before):
        yield f"is at most {most(after)[0]}, and was at most {most(before)[0]}"
    if "pattern" in after and before.get("pattern") != after["pattern"]:
        yield f"matches {after['pattern']}, and matched {before.get('pattern', 'anything')}"
    yield from fewer(before.get("enum"), after.get("enum"))


def fewer(before: list[Any] | None, after: list[Any] | None) -> Iterator[str]:
    """Values that are listed no more; None lists nothing, and allows everything."""
    if after is not None and before is None:
        yield f"is one of {named(after)}, and was anything"
    elif after is not None and (lost := [each for each in before or () if each not in after]):
        yield f"may not be {named(lost)} any more"


def least(schema: Schema) -> tuple[float, int]:
    """The lower limit, and whether it is one above it."""
    none = float("-inf")
    return max((schema.get("minimum", none), 0), (schema.get("exclusiveMinimum", none), 1))


def most(schema: Schema) -> tuple[float, int]:
    """The upper limit, and whether it is one below it."""
    none = float("inf")
    return min((schema.get("maximum", none), 0), (schema.get("exclusiveMaximum", none), -1))


def _asked(before: Schema, after: Schema) -> Iterator[frozenset[str]]:
    """Fields that must be told now and had not to be."""
    known = _groups(before)
    for group in _groups(after):
        if not any(each <= group for each in known):
            yield group


def _groups(schema: Schema) -> list[frozenset[str]]:
    """Sets of names of which one must be told."""
    alone = [frozenset({name}) for name in schema.get("required", ())]
    chosen = (each["anyOf"] for each in schema.get("allOf", ()) if "anyOf" in each)
    return alone + [frozenset(name for way in ways for name in way["required"]) for ways in chosen]


def _types(schema: Schema) -> set[str]:
    told = schema.get("type", ())
    return {told} if isinstance(told, str) else set(told)


def named(values: object) -> str:
    """Values as a sentence has them."""
    names = values if isinstance(values, (list, set, frozenset)) else [values]
    return " or ".join(sorted(str(each) for each in names)) or "anything"
