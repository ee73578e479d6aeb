"""JSON Schemas that anybody wrote: what counts of one, and whether it is one that can be judged.

Words for people, and words that a draft has no meaning for, do not count.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from jsonschema import (
    Draft6Validator,
    Draft7Validator,
    Draft201909Validator,
    Draft202012Validator,
)
from jsonschema.exceptions import SchemaError

from lakehouse.errors import SchemaRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Node = dict[str, Any] | bool
"""A schema, or a part of one; true allows everything and false nothing."""
DRAFTS: dict[str, Any] = {
    "http://json-schema.org/draft-06/schema": Draft6Validator,
    "http://json-schema.org/draft-07/schema": Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": Draft201909Validator,
    "https://json-schema.org/draft/2020-12/schema": Draft202012Validator,
}
NEWEST = "https://json-schema.org/draft/2020-12/schema"
"""What a schema is of that does not say: so do the clients of Python."""
MOST_CHARACTERS = 1_048_576
DEEPEST = 100
"""Levels of objects and lists; a record's level takes two or three."""
_OF_MANY = {"properties", "patternProperties", "dependentSchemas", "dependencies"}
_OF_LISTS = {"allOf", "anyOf", "oneOf", "prefixItems"}
_OF_ONE = {
    *("additionalProperties", "propertyNames", "unevaluatedProperties"),
    *("items", "additionalItems", "unevaluatedItems", "contains"),
    *("not", "if", "then", "else"),
}
_ELSEWHERE = {"$dynamicRef", "$recursiveRef"}
"""References whose target depends on who asks."""
_OLDER = {"additionalItems", "dependencies", "$recursiveRef"}
_OWN = {
    Draft7Validator: {"then", "else", "contentEncoding", "contentMediaType"},
    Draft201909Validator: {"then", "else", "minContains", "maxContains"},
    Draft202012Validator: {"then", "else", "minContains", "maxContains"},
}
"""What has a meaning without being a validator of its own."""


@dataclass(frozen=True)
class Document:
    """A schema as it was written.

    Attributes:
        content: The whole of it, parsed.
        draft: Which draft it is of.
    """

    content: Node
    draft: str
    _targets: dict[str, Node] = field(default_factory=dict, compare=False, repr=False)

    @property
    def validator(self) -> Any:  # noqa: ANN401  # jsonschema has no types
        """The class that knows the draft's words."""
        return DRAFTS[self.draft]

    @property
    def ignores_beside_references(self) -> bool:
        """Whether words that stand beside a `$ref` mean nothing."""
        return self.validator in {Draft6Validator, Draft7Validator}

    @cached_property
    def root(self) -> Node:
        """The schema, with no more than what counts."""
        return self._bare(self.content)

    def target(self, reference: str) -> Node:
        """What a reference of this document points to, with no more than what counts."""
        if reference not in self._targets:
            self._targets[reference] = self._bare(_at(self.content, reference))
        return self._targets[reference]

    def allows(self, value: object, node: Node) -> bool:
        """Whether a value is valid under a part of this document."""
        return not any(self.validator(self.content).descend(value, node))

    def _bare(self, node: Node) -> Node:
        if isinstance(node, bool):
            return node
        known = {*self.validator.VALIDATORS, *_OWN.get(self.validator, ())}
        if "$ref" in node and self.ignores_beside_references:
            known = {"$ref"}
        bare = {key: value for key, value in node.items() if key in known}
        return _mapped(bare, self._bare)


@lru_cache(maxsize=64)
def parsed(text: str) -> Document:
    """The schema of a text. Those asked for lately are kept: validating one takes 0.1 s.

    Raises:
        SchemaRefusedError: It is no JSON, no JSON Schema of a known draft, or it refers to
            something outside of itself.
    """
    if len(text) > MOST_CHARACTERS:
        raise SchemaRefusedError(f"longer than {MOST_CHARACTERS:,} characters")
    try:
        content = json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        text.encode()
        _assert_shallow(content)
        document = Document(content, _draft_of(content))
        _assert_valid(document, content)
        _assert_whole(document)
    except RecursionError:
        raise SchemaRefusedError(f"nested more than {DEEPEST} levels deep") from None
    except SchemaError as error:
        raise SchemaRefusedError(f"is no JSON Schema: {error.message}") from None
    except ValueError as error:
        raise SchemaRefusedError(f"is no JSON: {error}") from None
    return document


def canonical(content: object) -> str:
    """A text that two contents share if and only if they are the same; `1` and `true` are not."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _assert_shallow(content: object) -> None:
    level = [content]
    for _ in range(DEEPEST):
        inner = [each for each in level if isinstance(each, (dict, list))]
        level = [
            value for each in inner for value in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise SchemaRefusedError(f"nested more than {DEEPEST} levels deep")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands twice in one object, and parsers differ in which counts")
    return made


def _finite(digits: str) -> float:
    if not isfinite(number := float(digits)):
        raise ValueError(f"{digits} is larger than a number of JSON parsers can be")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _draft_of(content: object) -> str:
    if isinstance(content, bool):
        return NEWEST
    if not isinstance(content, dict):
        raise SchemaRefusedError("a schema is an object, true or false")
    told = content.get("$schema", NEWEST)
    draft = told.removesuffix("#") if isinstance(told, str) else ""
    if draft not in DRAFTS:
        known = ", ".join(DRAFTS)
        raise SchemaRefusedError(f"$schema {told} is not known; known are {known}")
    return draft


def _assert_valid(document: Document, node: Node) -> None:
    document.validator.check_schema(node)


def _assert_whole(document: Document) -> None:
    """Every reference is one within the document, and leads to a schema."""
    _assert_of_one_draft(document.content)
    waiting, seen = list(_nodes(document.root)), set[str]()
    has_addresses = any(map(_has_address, _values(document.content)))
    while waiting:
        node = waiting.pop()
        if elsewhere := _ELSEWHERE & set(node):
            raise SchemaRefusedError(f"{min(elsewhere)} cannot be judged; write $ref")
        reference = node.get("$ref")
        if reference is None or reference in seen:
            continue
        seen.add(reference)
        if has_addresses:
            raise SchemaRefusedError("$ref beside an inner $id cannot be judged; remove the $id")
        target = _at(document.content, reference)
        _assert_valid(document, target)
        waiting += _nodes(document.target(reference))
    parts: list[Node] = [*_nodes(document.root), *map(document.target, seen)]
    for part in parts:
        _assert_ends(document, part, ())


def _assert_of_one_draft(content: Node) -> None:
    """Who does not say the draft may not use words that only some readers would apply."""
    if isinstance(content, dict) and "$schema" not in content:
        met = _OLDER & {word for node in _nodes(content) for word in node}
        if met:
            raise SchemaRefusedError(f"{min(met)} is a word of older drafts; say which in $schema")


def _assert_ends(document: Document, node: Node, around: tuple[str, ...]) -> None:
    """No reference leads back to itself for one and the same value."""
    if isinstance(node, bool):
        return
    if (reference := node.get("$ref")) is not None:
        if reference in around:
            raise SchemaRefusedError(f"$ref {reference} leads back to itself")
        _assert_ends(document, document.target(reference), (*around, reference))
    for each in in_place(node):
        _assert_ends(document, each, around)


def in_place(node: dict[str, Any]) -> Iterator[Node]:
    """The parts of a schema that are about the same value as the whole, but for references."""
    for word in ("allOf", "anyOf", "oneOf"):
        yield from node.get(word, ())
    yield from (node[word] for word in ("if", "then", "else", "not") if word in node)
    for word in ("dependentSchemas", "dependencies"):
        yield from (each for each in node.get(word, {}).values() if not isinstance(each, list))


def _at(content: Node, reference: str) -> Node:
    """What stands where a reference points to.

    Raises:
        SchemaRefusedError: It points outside, or to nothing.
    """
    if reference != "#" and not reference.startswith("#/"):
        raise SchemaRefusedError(
            f"$ref {reference} leads out of the schema; copy what it means to $defs, and refer to "
            "it as #/$defs/…"
        )
    found: Any = content
    for part in reference.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            raise SchemaRefusedError(f"$ref {reference} leads to nothing")
    if not isinstance(found, (dict, bool)):
        raise SchemaRefusedError(f"$ref {reference} leads to no schema")
    return found


def _mapped(node: dict[str, Any], change: Callable[[Node], Node]) -> dict[str, Any]:
    """The same words, with the schemas in them changed."""
    made: dict[str, Any] = {}
    for key, value in node.items():
        if key in _OF_MANY and isinstance(value, dict):
            made[key] = {name: _changed(each, change) for name, each in value.items()}
        elif key in _OF_LISTS or (key in _OF_ONE and isinstance(value, list)):
            made[key] = [change(each) for each in value]
        elif key in _OF_ONE:
            made[key] = change(value)
        else:
            made[key] = value
    return made


def _changed(value: Node | list[str], change: Callable[[Node], Node]) -> Node | list[str]:
    """A schema; or, in `dependencies`, a list of names."""
    return value if isinstance(value, list) else change(value)


def _nodes(node: Node) -> Iterator[dict[str, Any]]:
    """The objects of a schema that are schemas themselves."""
    if isinstance(node, bool):
        return
    yield node
    inner: list[Node] = []

    def keep(each: Node) -> Node:
        inner.append(each)
        return each

    _mapped(node, keep)
    for each in inner:
        yield from _nodes(each)


def _values(content: object) -> Iterator[object]:
    """What stands in a content, at any depth."""
    inner = content.values() if isinstance(content, dict) else content
    if isinstance(content, (dict, list)):
        for each in inner:  # type: ignore[attr-defined]  # of one of the two
            yield each
            yield from _values(each)


def _has_address(content: object) -> bool:
    """Whether references inside start from another place."""
    return isinstance(content, dict) and isinstance(content.get("$id"), str)
