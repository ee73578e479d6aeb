"""Whether a later JSON Schema allows all that an earlier one allows: BACKWARD of any two schemas.

Who reads with the later schema can read records of the earlier. Each word of the later schema must
follow from the earlier one: types, limits, patterns, required fields, items, and what `allOf`,
`anyOf`, `oneOf` and references within the schema add up to. Where that cannot be shown, the schemas
count as incompatible, and the finding says so: `not`, `if`, `contains`, `format`, `pattern` and
`unevaluatedProperties` are compatible only when they are the same or gone.

One thing is allowed that does not follow: declaring a name which the earlier schema neither
declares nor forbids. Somebody may have sent anything under it, but nobody agreed on it; without
this, no object that allows other fields could ever have a new one. It may not be required.

Contracts of our own sources change by stricter rules: those of `contract_changes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lakehouse.landing.contract_changes import Change, named
from lakehouse.landing.object_changes import (
    added_up,
    declared_names,
    dependents,
    value_of,
    wanted_of,
)
from lakehouse.landing.schema_documents import Document, Node, canonical
from lakehouse.landing.value_changes import (
    KINDS,
    by_kind,
    is_apart,
    items,
    kinds,
    listed,
    of_kinds,
    of_limits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Schema = dict[str, Any]
MOST_STEPS = 20_000
"""Parts that are looked at before a judgement is given up; a contract of ours takes 40."""
_SAME = {
    ("format",): KINDS,
    ("not",): KINDS,
    ("if", "then", "else"): KINDS,
    ("pattern",): {"string"},
    ("contentEncoding",): {"string"},
    ("contentMediaType",): {"string"},
    ("contains", "minContains", "maxContains"): {"array"},
}
"""Words that must be the same, and for values of which kind they matter."""
_UNEVALUATED = {"unevaluatedItems": "array", "unevaluatedProperties": "object"}
"""They are about all that stands beside them, so that this must be the same, too."""
_WAYS = ("anyOf", "oneOf")
_UNJUDGED = "has another {word}, which cannot be judged; keep it as it was"


class _TooMuchError(Exception):
    """The work that a judgement may take is used up."""


def incompatible(
    before: Document, after: Document, *, may_declare: bool = True
) -> Iterator[Change]:
    """What the later schema takes away, asks in addition, or says in a way that nobody can judge.

    Args:
        before: The earlier schema.
        after: The later schema.
        may_declare: Whether a name may be declared that was undeclared and allowed.
    """
    if before.draft != after.draft:
        yield "", f"is of {after.draft}, and was of {before.draft}; words differ between them"
        return
    try:
        yield from dict.fromkeys(Judge(before, after, may_declare).judge([before.root], after.root))
    except (_TooMuchError, RecursionError):
        yield "", "is too intricate to be judged; write it more simply"


@dataclass
class Judge:
    """One comparison of two documents.

    Attributes:
        before: The earlier schema.
        after: The later schema.
        may_declare: Whether a name may be declared that was undeclared and allowed.
    """

    before: Document
    after: Document
    may_declare: bool
    _steps: int = 0
    _being_judged: set[str] = field(default_factory=set)

    def judge(
        self,
        before: Sequence[Node],
        after: Node,
        path: str = "",
        parted: frozenset[str] = frozenset(),
    ) -> list[Change]:
        """What is wrong with a part of the later schema, for values valid under all of `before`.

        Args:
            before: What is known of the values.
            after: The part.
            path: The field that it is about.
            parted: Parts of `before` whose cases are already told apart.
        """
        told = (each for node in before for each in added_up(node, self.before))
        facts = list({canonical(each): each for each in told}.values())
        self._steps += len(facts)
        if self._steps > MOST_STEPS:
            raise _TooMuchError
        if after is True or any(each is False for each in facts):
            return []
        known = [each for each in facts if isinstance(each, dict)] or [{}]
        if any(self.same(each, after) for each in known):
            return []
        if (values := self._possible(known)) is not None:
            lost = [value for value in values if not self.after.allows(value, after)]
            return [(path, f"may not be {named(lost)} any more")] if lost else []
        if after is False:
            return [(path, "allows nothing any more")]
        found = list(self._of_node(known, after, path))
        return self._of_cases(known, after, path, parted, found) if found else found

    def same(self, before: object, after: object, seen: frozenset[str] = frozenset()) -> bool:
        """Whether two parts say the same, and refer to the same."""
        if canonical(before) != canonical(after):
            return False
        return all(
            self.same(
                self.before.target(reference), self.after.target(reference), seen | {reference}
            )
            for reference in set(_references(after)) - seen
        )

    def _possible(self, known: Sequence[Schema]) -> list[Any] | None:
        """The values that are possible, where a schema lists them."""
        lists = (listed(each) for each in known)
        values = next((each for each in lists if each is not None), None)
        if values is None:
            return None
        return [value for value in values if all(self.before.allows(value, each) for each in known)]

    def _of_cases(
        self,
        known: Sequence[Schema],
        after: Node,
        path: str,
        parted: frozenset[str],
        found: list[Change],
    ) -> list[Change]:
        """What is wrong where one of `anyOf` or `oneOf` holds: in the first case that is wrong."""
        for each in known:
            for word in _WAYS:
                part = f"{word} {canonical(each)}"
                if word in each and part not in parted:
                    cases = (
                        self.judge([*known, case], after, path, parted | {part})
                        for case in each[word]
                    )
                    return next((wrong for wrong in cases if wrong), [])
        return found

    def _of_node(self, known: Sequence[Schema], after: Schema, path: str) -> Iterator[Change]:
        if "$ref" in after:
            yield from self._of_reference(known, after["$ref"], path)
            if self.after.ignores_beside_references:
                return
        for each in after.get("allOf", ()):
            yield from self.judge(known, each, path)
        possible = kinds(known)
        if not possible:
            return
        for what in (*of_kinds(known, after), *of_limits(known, after)):
            yield path, what
        yield from self._of_unjudged(known, after, path)
        yield from self._of_ways(known, after, path)
        if "array" in possible:
            yield from self._of_items(known, after, path)
        if "object" in possible:
            yield from self._of_objects(known, after, path)

    def _of_reference(self, known: Sequence[Schema], reference: str, path: str) -> list[Change]:
        """What is wrong with what a reference leads to.

        A schema that refers to itself comes back to the same question, further inside of a value:
        there it may be taken for answered.
        """
        question = canonical([reference, known])
        if question in self._being_judged:
            return []
        self._being_judged.add(question)
        try:
            return self.judge(known, self.after.target(reference), path)
        finally:
            self._being_judged.discard(question)

    def _of_unjudged(self, known: Sequence[Schema], after: Schema, path: str) -> Iterator[Change]:
        possible = kinds(known)
        for words, matters in _SAME.items():
            if words[0] in after and possible & matters and not self._has(words, known, after):
                yield path, _UNJUDGED.format(word=words[0])
        for word, kind in _UNEVALUATED.items():
            if after.get(word, True) is not True and kind in possible:
                yield path, _UNJUDGED.format(word=f"{word}, or something beside it")

    def _has(self, words: Sequence[str], known: Sequence[Schema], after: Schema) -> bool:
        wanted = [after.get(word) for word in words]
        return any(self.same([each.get(word) for word in words], wanted) for each in known)

    def _of_ways(self, known: Sequence[Schema], after: Schema, path: str) -> Iterator[Change]:
        for word in _WAYS:
            ways: list[Node] = after.get(word, [])
            if not ways or self._has((word,), known, after):
                continue
            if word == "oneOf" and not self._are_apart(ways):
                yield path, f"{_UNJUDGED.format(word=word)}, or write anyOf"
            elif not all(
                any(not self.judge(case, way, path) for way in ways) for case in by_kind(known)
            ):
                yield path, f"is by no part of {word} all that it was"

    def _are_apart(self, ways: Sequence[Node]) -> bool:
        """Whether no value can be valid under two of the ways."""
        told = [
            [each for each in added_up(way, self.after) if isinstance(each, dict)] for way in ways
        ]
        return all(is_apart(one, other) for i, one in enumerate(told) for other in told[i + 1 :])

    def _of_items(self, known: Sequence[Schema], after: Schema, path: str) -> Iterator[Change]:
        first, rest = items(after)
        told = [items(each) for each in known]
        for index in range(max(len(first), *(len(each) for each, _ in told))):
            was = [each[index] if index < len(each) else others for each, others in told]
            now = first[index] if index < len(first) else rest
            yield from self.judge(was, now, f"{path}[{index}]")
        yield from self.judge([others for _, others in told], rest, f"{path}[]")

    def _of_objects(self, known: Sequence[Schema], after: Schema, path: str) -> Iterator[Change]:
        required = {name for each in known for name in each.get("required", ())}
        for name in after.get("required", ()):
            if name not in required:
                yield path, f"asks for {name}"
        everywhere = declared_names(known, self.before)
        for name, schema in after.get("properties", {}).items():
            was = value_of(known, name)
            is_free = not was and name not in everywhere and schema is not False
            if not (is_free and self.may_declare):
                yield from self.judge(was, schema, f"{path}.{name}".lstrip("."))
        for what, was, now in wanted_of(known, after, everywhere):
            if found := self.judge(was, now, path):
                yield path, f"{what}: {found[0][1]}"
        yield from self._of_dependents(known, after, path, required)

    def _of_dependents(
        self, known: Sequence[Schema], after: Schema, path: str, required: set[str]
    ) -> Iterator[Change]:
        for name, wanted in dependents(after):
            told = [each for one in known for other, each in dependents(one) if other == name]
            if isinstance(wanted, list):
                lists = {each for names in told if isinstance(names, list) for each in names}
                for other in sorted(set(wanted) - lists - required - {name}):
                    yield path, f"asks for {other} where {name} is told"
            else:
                more = [each for each in told if not isinstance(each, list)]
                yield from self.judge([*known, *more], wanted, path)


def _references(content: object) -> Iterator[str]:
    if isinstance(content, dict):
        if isinstance(content.get("$ref"), str):
            yield content["$ref"]
        content = list(content.values())
    if isinstance(content, list):
        for each in content:
            yield from _references(each)
