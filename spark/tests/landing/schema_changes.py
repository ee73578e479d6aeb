"""Random JSON Schemas, changes of them and values, for laws of compatibility."""

from __future__ import annotations

NAMES = "abc"
TYPES = ("null", "boolean", "string", "integer", "number", "array", "object")
SMALL = ({}, True, *({"type": each} for each in TYPES), {"type": ["string", "null"]})
LISTED = ("a", "b", "", 1, 2, None, True, 0)


def random_schema(chance, depth=3):
    """An object of a few words; below depth 0 a small one."""
    schema = {}
    for word, (odds, make) in WORDS.items():
        if chance.random() < odds:
            schema[word] = make(chance, depth - 1)
    return schema


def _inner(chance, depth):
    if depth <= 0 or chance.random() < 0.3:
        return chance.choice(SMALL)
    return random_schema(chance, depth)


def _small_number(chance, _):
    return chance.randint(0, 4)


def _several(chance, depth):
    return [_inner(chance, depth) for _ in range(chance.randint(1, 3))]


def _of_names(chance, depth):
    return {name: _inner(chance, depth) for name in chance.sample(NAMES, chance.randint(1, 3))}


def _types(chance, _):
    return chance.sample(TYPES, chance.choice([1, 1, 2, 3]))


WORDS = {
    "type": (0.45, _types),
    "minimum": (0.15, _small_number),
    "maximum": (0.15, _small_number),
    "exclusiveMinimum": (0.08, _small_number),
    "multipleOf": (0.08, lambda chance, _: chance.randint(1, 3)),
    "enum": (0.08, lambda chance, _: chance.sample(LISTED, chance.randint(1, 4))),
    "const": (0.05, lambda chance, _: chance.choice(LISTED)),
    "minLength": (0.08, _small_number),
    "maxLength": (0.1, _small_number),
    "pattern": (0.05, lambda chance, _: chance.choice(["^a", "b"])),
    "items": (0.12, _inner),
    "prefixItems": (0.1, _several),
    "minItems": (0.06, _small_number),
    "maxItems": (0.08, _small_number),
    "uniqueItems": (0.06, lambda chance, _: chance.choice([True, False])),
    "contains": (0.05, _inner),
    "properties": (0.45, _of_names),
    "required": (0.2, lambda chance, _: chance.sample(NAMES, chance.randint(1, 2))),
    "additionalProperties": (
        0.2,
        lambda chance, depth: chance.choice([False, _inner(chance, depth)]),
    ),
    "patternProperties": (0.08, lambda chance, depth: {"^a": _inner(chance, depth)}),
    "propertyNames": (0.04, lambda chance, _: chance.choice([{"maxLength": 1}, {"enum": ["a"]}])),
    "maxProperties": (0.05, _small_number),
    "dependentRequired": (0.06, lambda chance, _: {chance.choice(NAMES): [chance.choice(NAMES)]}),
    "dependentSchemas": (0.06, _of_names),
    "anyOf": (0.14, _several),
    "oneOf": (0.14, _several),
    "allOf": (0.12, _several),
    "not": (0.05, _inner),
    "if": (0.04, _inner),
    "then": (0.06, _inner),
    "unevaluatedProperties": (0.03, lambda chance, _: chance.choice([False, {"type": "string"}])),
    "$ref": (0.08, lambda chance, _: f"#/$defs/{chance.choice(NAMES)}"),
}
"""How often a schema has a word, and what it says then."""


def changed_schema(chance, schema, depth=3):
    """The schema with a word more, a word less or a word that says something else."""
    if not isinstance(schema, dict):
        return _inner(chance, depth)
    made = dict(schema)
    words = [word for word in made if word != "$defs"]
    what = chance.random()
    if not words or what < 0.15:
        more = random_schema(chance, depth)
        made |= dict(list(more.items())[:1])
    elif what < 0.35:
        del made[chance.choice(words)]
    else:
        word = chance.choice(list(made))
        made[word] = _changed_value(chance, word, made[word], depth)
    return made


def _changed_value(chance, word, value, depth):
    if isinstance(value, bool):
        made = not value
    elif isinstance(value, int):
        made = max(1, value + chance.choice([-1, 1]))
    elif word in {"properties", "patternProperties", "dependentSchemas", "$defs"}:
        name = chance.choice(list(value))
        made = value | {name: changed_schema(chance, value[name], depth - 1)}
    elif word in {"anyOf", "oneOf", "allOf", "prefixItems"}:
        made = _changed_list(chance, value, depth)
    elif word == "dependentRequired":
        made = {chance.choice(NAMES): [chance.choice(NAMES)]}
    elif isinstance(value, list):
        made = [each for each in value if chance.random() < 0.7] or value
    else:
        made = changed_schema(chance, value, depth - 1) if isinstance(value, dict) else value
    return made


def _changed_list(chance, value, depth):
    if chance.random() < 0.3:
        return [*value, _inner(chance, 1)]
    at = chance.randrange(len(value))
    return [
        changed_schema(chance, each, depth - 1) if index == at else each
        for index, each in enumerate(value)
    ]


def random_value(chance, depth=3):
    """An object, a list or something plain."""
    what = chance.random()
    if depth and what < 0.4:
        names = chance.sample(NAMES, chance.randint(0, 3))
        return {name: random_value(chance, depth - 1) for name in names}
    if depth and what < 0.55:
        return [random_value(chance, depth - 1) for _ in range(chance.randint(0, 3))]
    return chance.choice([None, True, False, 0, 1, 2, 3, 5, 1.5, "", "a", "b", "ab", "abc"])
