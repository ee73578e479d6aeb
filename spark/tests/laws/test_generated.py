"""Rows made from a declaration are what it accepts, and the lines what it rejects."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws.generated import MISSING, N_KEYS, make_rows
from laws.world import WORLDS, batches, land_at_once, land_batch, make_world
from readers import read

from conftest import depth
from lakehouse.catalog.registry import Entry, Registry, registry
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    RowRule,
    Source,
    Table,
    decimal,
    not_null,
    unique,
)

if TYPE_CHECKING:
    from pathlib import Path

TYPES = (
    *(STRING, BOOLEAN, INT, LONG, DOUBLE, DATE, TIMESTAMP),
    *(decimal(18, 2), decimal(2, 2), decimal(5, 0), decimal(38, 10)),
)
DEFAULTS = {BOOLEAN: "true", LONG: "1", DATE: "'2026-01-01'", STRING: "'none'"}
SOURCES = [entry.table.source for entry in registry() if entry.table.source]


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    type_ = draw(st.sampled_from(TYPES))
    presence = draw(st.sampled_from(["required", "optional", "nullable", "defaulted"]))
    return Field(
        name,
        type_,
        required=presence == "required",
        optional=presence == "optional",
        default=DEFAULTS.get(type_) if presence == "defaulted" else None,
    )


@st.composite
def sources(draw: st.DrawFn) -> Source:
    names = draw(
        st.lists(st.sampled_from(["user_id", "x_id", "a", "b", "c", "d"]), min_size=1, unique=True)
    )
    declared = tuple(draw(fields(name)) for name in names)
    numbers = [f for f in declared if f.type in {INT, LONG, DOUBLE} or "decimal" in f.type]
    rules = tuple(
        RowRule(f"{field.name}_is_positive", f"{field.name} >= 0", "Positive.") for field in numbers
    )
    return Source(name="things", doc="Any.", fields=declared, rules=rules)


seeds = st.integers(0, 10**6)


def assert_told_apart(folder: Path, source: Source, seed: int) -> None:
    good, bad = make_rows(source, random.Random(seed), 80)
    lines = [*map(json.dumps, good), *bad]
    found = read(folder / "things.jsonl", "\n".join(lines), source, max_record_bytes=10**6)
    by_line = dict(zip(lines, (row["_reasons"] for row in found), strict=True))
    assert {line: why for line, why in by_line.items() if bool(why) != (line in bad)} == {}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_lake_accepts_the_rows_and_rejects_the_lines_of_every_source(tmp_path, source):
    for seed in range(depth(2, 20)):
        assert_told_apart(tmp_path, source, seed)


@settings(max_examples=depth(25, 200), deadline=None)
@given(source=sources(), seed=seeds)
def test_the_lake_accepts_the_rows_and_rejects_the_lines_of_any_source(
    tmp_path_factory, source, seed
):
    assert_told_apart(tmp_path_factory.mktemp("any"), source, seed)


@settings(max_examples=30, deadline=None)
@given(source=sources(), seed=seeds)
def test_a_seed_makes_the_same_rows_again(source, seed):
    assert make_rows(source, random.Random(seed)) == make_rows(source, random.Random(seed))


@settings(max_examples=30, deadline=None)
@given(source=sources(), seed=seeds)
def test_at_least_seven_of_eight_rows_are_good(source, seed):
    good, bad = make_rows(source, random.Random(seed), 24)
    assert len(good) == 24
    assert 1 <= len(bad) <= 3


def test_each_kind_of_bad_row_is_made():
    source = Source(
        name="things",
        doc="One field that may be told wrongly in each way.",
        fields=(Field("a", INT, required=True), Field("b", optional=True)),
        rules=(RowRule("a_is_positive", "a >= 0", "Positive."),),
    )
    _, bad = make_rows(source, random.Random(0), 80)
    rows = [json.loads(line) for line in bad if _is_object(line)]
    assert any("a" not in row for row in rows)
    assert any(row.get("a", 0) in MISSING for row in rows)
    assert any(row.get("a") in ("many", 1.5, 2**31) for row in rows)
    assert any("b" in row and row["b"] in MISSING for row in rows)
    assert any(row.get("a") in (-1, "-1") for row in rows)
    assert len(rows) == len(bad) - 1, "one line is no row"


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line, object_pairs_hook=_without_repeats), dict)
    except ValueError:
        return False


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError(pairs)
    return dict(pairs)


def test_keys_that_sources_share_meet():
    users = Source(name="users", doc="Users.", fields=(Field("user_id", required=True),))
    uses = Source(
        name="uses",
        doc="Uses.",
        fields=(Field("use_id", required=True), Field("user_id", required=True)),
    )
    expected = {f"u{n}" for n in range(N_KEYS)}
    for source in (users, uses):
        good, _ = make_rows(source, random.Random(3))
        assert {row["user_id"].strip() for row in good} == expected


def toy() -> Registry:
    """A domain without a world of its own, of one table with every type."""
    declared = [
        Field("toy_id", required=True),
        Field("user_id", optional=True),
        *(Field(f"value_{n}", type_) for n, type_ in enumerate(TYPES)),
    ]
    source = Source(
        name="toys",
        doc="Toys.",
        fields=tuple(declared),
        rules=(RowRule("value_2_is_positive", "value_2 >= 0", "Positive."),),
    )
    table = Table(
        name="bronze.toys",
        owner="toys",
        domain="toys",
        inputs=(source,),
        columns=tuple(Column(f.name, f.type, "Told.", nullable=not f.required) for f in declared),
        write=Append(),
        ensures=(not_null("toy_id"), unique("_row_id")),
    )
    return Registry({table.name: Entry(table, lambda landed, _run: landed, "Toys.", "code")})


@pytest.mark.spark
def test_a_domain_without_a_world_of_its_own_has_rows_that_the_laws_hold_on(make_lake):
    once, pieces = make_lake("once", toy()), make_lake("pieces", toy())
    world = make_world(toy(), "toys", 5)
    land_at_once(once, world)
    account = once.run()["bronze.toys"].account
    for number, batch in enumerate(batches(world, 5, 2)):
        land_batch(pieces, batch, number)
        pieces.run()
    n_bad = sum(isinstance(row, str) for row in world["toys"])
    assert account.rows_quarantined == n_bad > 0
    assert account.rows_loaded + account.rows_deduplicated == len(world["toys"]) - n_bad
    assert pieces.rows("bronze.toys") == once.rows("bronze.toys")


def test_every_world_beside_is_of_a_domain_there_is():
    worlds = {path.stem for path in WORLDS.glob("*.py")} - {"__init__"}
    assert worlds <= {entry.table.domain for entry in registry()}
