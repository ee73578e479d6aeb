"""Hostile statements from `hostile.toml`, and mutations of them."""

from __future__ import annotations

import itertools
import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HOME = Path(__file__).parent
N = 5_000
_LEVELS = range(30)
_BOMBS = {
    "@DEEP_PARENS": "SELECT " + "(" * N + "1" + ")" * N,
    "@DEEP_SUBQUERIES": "SELECT * FROM (" * 500 + "SELECT 1 AS a" + ") t" * 500,
    "@DEEP_NOT": "SELECT " + "NOT " * 3_000 + "true",
    "@DEEP_CASE": "SELECT " + "CASE WHEN true THEN " * 500 + "1" + " END" * 500,
    "@LONG_IN": f"SELECT 1 AS a WHERE 1 IN ({', '.join(map(str, range(N)))})",
    "@LONG_OR": "SELECT 1 AS a WHERE " + " OR ".join(["1 = 1"] * 900),
    "@LONG_TEXT": f"SELECT '{'x' * 100_000}' AS a",
    "@MANY_UNIONS": " UNION ALL ".join(["SELECT 1 AS a"] * 700),
    "@MANY_CTES": f"WITH {', '.join(f'c{i} AS (SELECT * FROM gold.orders)' for i in range(200))} "
    "SELECT * FROM c1",
    "@STARS_OF_STARS": "WITH c0 AS (SELECT * FROM gold.orders), "
    + ", ".join(f"c{i + 1} AS (SELECT *, * FROM c{i})" for i in _LEVELS)
    + " SELECT * FROM c30",
    "@ALIASES_OF_ALIASES": "SELECT 1 AS a0, "
    + ", ".join(f"a{i} + a{i} AS a{i + 1}" for i in _LEVELS),
    "@MANY_JOINS": "SELECT 1 AS a FROM gold.orders o0 "
    + " ".join(f"CROSS JOIN gold.orders o{i + 1}" for i in _LEVELS),
    "@DOUBLED_TEXTS": "WITH c0 AS (SELECT 'x' AS t), "
    + ", ".join(f"c{i + 1} AS (SELECT t || t AS t FROM c{i})" for i in _LEVELS)
    + " SELECT t FROM c30",
    "@DEEP_FUNCTIONS": "SELECT " + "abs(" * 300 + "1" + ")" * 300,
    "@DEEP_BRACKETS": "SELECT " + "[" * 2_000 + "1" + "]" * 2_000,
    "@MANY_STATEMENTS": "SELECT 1;" * 1_000,
}


@dataclass(frozen=True)
class Hostile:
    """A statement that must not do what it tries to.

    Attributes:
        family: What it belongs to.
        text: The statement, with places such as `@FILES`.
        is_harmless: Whether it may be answered, as what it tries cannot come of it.
    """

    family: str
    text: str
    is_harmless: bool


def hostile() -> list[Hostile]:
    """Every statement of the file."""
    families = tomllib.loads((HOME / "hostile.toml").read_text())["family"]
    return [
        Hostile(family["name"], text, family.get("harmless", False))
        for family in families
        for text in _texts(family)
    ]


def _texts(family: dict[str, list[str]]) -> Iterator[str]:
    for text in family.get("statements", []):
        yield _BOMBS.get(text, text).replace("␤", "\n").replace("␀", "\0")
    for form, of in itertools.product(family.get("forms", []), family.get("of", [])):
        yield form.replace("@@", of).replace("␤", "\n")


def legitimate() -> dict[str, str]:
    """Name → query, of what analysts ask."""
    found = {}
    for part in (HOME / "legitimate.sql").read_text().split("-- name: ")[1:]:
        name, _, query = part.partition("\n")
        found[name.strip()] = query.strip()
    return found


def mutations(seed: int, n: int) -> Iterator[str]:
    """Hostile statements, changed by chance: one to four changes each."""
    rng = random.Random(seed)
    texts = [each.text for each in hostile() if len(each.text) < 2_000]
    good = list(legitimate().values())
    for _ in range(n):
        text = rng.choice(texts)
        for _ in range(rng.randint(1, 4)):
            text = rng.choice(_CHANGES)(rng, text, texts, good)
        yield text[:4_000]


def _places(text: str) -> list[int]:
    return [0, *(i for i, c in enumerate(text) if c in " (),."), len(text)]


def _insert(rng: random.Random, text: str, what: str) -> str:
    at = rng.choice(_places(text))
    return text[:at] + what + text[at:]


def _noise(rng: random.Random, text: str, *_: Sequence[str]) -> str:
    """Something between two words."""
    return _insert(rng, text, rng.choice(_NOISE))


def _case(rng: random.Random, text: str, *_: Sequence[str]) -> str:
    return "".join(rng.choice((c.upper(), c.lower())) for c in text)


def _lookalike(rng: random.Random, text: str, *_: Sequence[str]) -> str:
    """A letter that looks like another one, or folds into it."""
    c = rng.choice(list(_LOOKALIKES))
    return text.replace(c, _LOOKALIKES[c], rng.randint(1, 3))


def _quote(rng: random.Random, text: str, *_: Sequence[str]) -> str:
    """A word in quotes of some kind."""
    words = text.split(" ")
    at = rng.randrange(len(words))
    before, after = rng.choice(_QUOTES)
    words[at] = before + words[at] + after
    return " ".join(words)


def _drop(rng: random.Random, text: str, *_: Sequence[str]) -> str:
    words = text.split(" ")
    del words[rng.randrange(len(words))]
    return " ".join(words)


def _repeat(rng: random.Random, text: str, *_: Sequence[str]) -> str:
    words = text.split(" ")
    at = rng.randrange(len(words))
    return " ".join([*words[:at], words[at], *words[at:]])


def _wrap(rng: random.Random, text: str, *_: Sequence[str]) -> str:
    """Inside something that may stand in a query."""
    return rng.choice(_WRAPS).replace("@@", text)


def _splice(rng: random.Random, text: str, texts: Sequence[str], _: Sequence[str]) -> str:
    """The first part of one, and the last part of another."""
    other = rng.choice(texts)
    return text[: rng.choice(_places(text))] + other[rng.choice(_places(other)) :]


def _plant(rng: random.Random, text: str, _: Sequence[str], good: Sequence[str]) -> str:
    """A part of it in the middle of a query that is fine."""
    host = rng.choice(good)
    words = text.split(" ")
    at = rng.randrange(len(words))
    return _insert(rng, host, " " + " ".join(words[at : at + rng.randint(1, 8)]) + " ")


def _publish(rng: random.Random, text: str, *_: Sequence[str]) -> str:
    """A relation that may be read in the place of one that may not: what is left may run."""
    for name in ("ops.records", "pg_class", "peek", "information_schema.tables"):
        text = text.replace(name, rng.choice(("gold.orders", "gold.web_kpis")))
    return text


_NOISE = (
    *(" ", "\n", "\t", "/**/", "/* x */", "-- x\n", ";", ",", "(", ")", "'", '"', "$$", "\\", "--"),
    *(
        "\0",
        "\u00a0",
        "\u200b",
        "\ufeff",
        ".",
        "*",
        " AS x ",
        " UNION ALL ",
        " FOR UPDATE ",
        "::text",
    ),
    *(
        " INTO x ",
        "/*+ x */",
        "E'",
        "U&'",
        "$1",
        "$x$",
        "%s",
        "pg_catalog.",
        " RETURNING * ",
        " LIMIT 1 ",
    ),
)
_LOOKALIKES = {
    "a": "\u0430",
    "e": "\u0435",
    "o": "\u043e",
    "p": "\u0440",
    "c": "\u0441",
    "s": "\u017f",
    "k": "K",
    "i": "\u0131",
    ";": "\uff1b",
    "'": "\u2019",
    '"': "\u201d",
    ".": "\u2024",
    "_": "\uff3f",
    " ": "\u2003",
    "(": "\uff08",
    "-": "\u2010",
    "*": "\u2217",
}
_QUOTES = (('"', '"'), ("'", "'"), ("`", "`"), ("[", "]"), ("$$", "$$"), ('U&"', '"'), ("E'", "'"))
_WRAPS = (
    *("SELECT * FROM (@@) AS t", "WITH x AS (@@) SELECT * FROM x", "(@@)", "EXPLAIN @@", "@@;"),
    *("SELECT (@@) AS a", "SELECT 1 AS a WHERE EXISTS (@@)", "SELECT 1 AS a UNION ALL @@"),
    *(
        "@@ UNION ALL SELECT 1",
        "SELECT order_id FROM gold.orders WHERE order_id IN (@@)",
        "/* @@ */",
    ),
    *("SELECT 1 AS a; @@", "SELECT '@@' AS a", "SELECT $$@@$$ AS a", "DO $$ @@ $$", "@@ LIMIT 3"),
)
_CHANGES = (
    *(_noise, _noise, _case, _lookalike, _quote, _drop, _repeat, _wrap, _wrap, _splice, _plant),
    _publish,
)
