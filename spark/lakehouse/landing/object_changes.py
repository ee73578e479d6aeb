"""What two schemas say about the fields of objects, name by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakehouse.landing.schema_documents import Document, Node, in_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Schema = dict[str, Any]


def added_up(node: Node, document: Document, seen: frozenset[str] = frozenset()) -> Iterator[Node]:
    """The schema, and all that it holds its values to by `allOf` and references."""
    if isinstance(node, bool):
        yield node
        return
    reference = node.get("$ref")
    if reference is not None and reference not in seen:
        yield from added_up(document.target(reference), document, seen | {reference})
    if reference is None or not document.ignores_beside_references:
        yield node
        for each in node.get("allOf", ()):
            yield from added_up(each, document, seen)


def declared_names(known: Sequence[Schema], document: Document) -> set[str]:
    """Names that a schema says anything about, be it in one case only."""
    found: set[str] = set()
    waiting: list[Node] = list(known)
    seen: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, bool):
            continue
        found |= node.get("properties", {}).keys()
        waiting += in_place(node)
        if node.get("$ref", None) not in {None, *seen}:
            seen.add(node["$ref"])
            waiting.append(document.target(node["$ref"]))
    return found


def value_of(known: Sequence[Schema], name: str) -> list[Node]:
    """What is known of the value of a name; empty where nobody agreed on anything."""
    found: list[Node] = []
    for each in known:
        if name in each.get("properties", {}):
            found.append(each["properties"][name])
            continue
        others = each.get("additionalProperties", True)
        if patterns := each.get("patternProperties", {}):
            found.append({"anyOf": [*patterns.values(), others]})  # whichever matches
        elif others not in (True, {}):
            found.append(others)
    return found


def wanted_of(
    known: Sequence[Schema], after: Schema, everywhere: set[str]
) -> Iterator[tuple[str, list[Node], Node]]:
    """What is asked of values whose names are not declared, and what is known of them.

    Args:
        known: What held before.
        after: The later schema.
        everywhere: Names that were declared.
    """
    patterns = after.get("patternProperties", {})
    for pattern, schema in patterns.items():
        was = [each["patternProperties"][pattern] for each in known if _has(each, pattern)]
        yield f"fields that match {pattern}", was, schema
    if "propertyNames" in after:
        names = [each["propertyNames"] for each in known if "propertyNames" in each]
        yield "names of fields", [{"type": "string"}, *names], after["propertyNames"]
    others = after.get("additionalProperties", True)
    if others is True:
        return
    for name in sorted(everywhere - after.get("properties", {}).keys()):
        yield f"{name} was removed, and other fields are not free", value_of(known, name), others
    told = {pattern for each in known for pattern in each.get("patternProperties", {})}
    for pattern in sorted(told - patterns.keys()):
        was = [each["patternProperties"][pattern] for each in known if _has(each, pattern)]
        yield f"fields that match {pattern}", was, others
    free = [each["additionalProperties"] for each in known if "additionalProperties" in each]
    yield "fields that nobody declared", free, others


def _has(schema: Schema, pattern: str) -> bool:
    return pattern in schema.get("patternProperties", {})


def dependents(schema: Schema) -> Iterator[tuple[str, list[str] | Node]]:
    """What is asked where a name is told: names, or a schema."""
    for word in ("dependencies", "dependentRequired", "dependentSchemas"):
        yield from schema.get(word, {}).items()
