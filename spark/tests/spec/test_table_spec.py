"""A table that contradicts itself cannot be declared."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lakehouse.errors import TableDefinitionError
from lakehouse.spec import (
    DATE,
    STRING,
    Append,
    Column,
    Field,
    Overwrite,
    Scd2,
    Source,
    Table,
    Upsert,
    ValidAt,
    not_empty,
    not_null,
    satisfies,
    unique,
)

SOURCE = Source(name="things", doc="Things.", fields=(Field("id", required=True),))


def declare(**changes: Any) -> Table:
    declaration: dict[str, Any] = {
        "name": "bronze.things",
        "owner": "tests",
        "domain": "tests",
        "inputs": (SOURCE,),
        "columns": (Column("id", STRING, "Key."),),
        "write": Append(),
        "ensures": (not_null("id"),),
    }
    return Table(**declaration | changes)


DECLARED_ON = declare.__code__.co_firstlineno + 10


def problems(**changes: Any) -> str:
    with pytest.raises(TableDefinitionError) as raised:
        declare(**changes)
    assert raised.value.exit_code == 78
    assert str(raised.value.details["file"]).endswith("test_table_spec.py")
    assert raised.value.details["line"] == DECLARED_ON
    return "; ".join(raised.value.details["problems"])


def test_durations_are_a_day_and_slack_and_a_month_unless_said():
    table = declare()
    assert (table.checked_within, table.retention) == (timedelta(hours=26), timedelta(days=30))
    assert "checked_within is not positive" in problems(checked_within=timedelta(0))
    assert "current_within is not positive" in problems(current_within=timedelta(0))
    assert "retention is below 7 days" in problems(retention=timedelta(days=6))


def test_a_sound_declaration_knows_its_names():
    table = declare()
    assert (table.layer, table.noun) == ("bronze", "things")
    assert table.column_names == ("id", "_row_id", "_source_file", "_extra")
    assert repr(table) == "Table(bronze.things)"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "copper.things"}, "name must be"),
        ({"name": "bronze.no-noun"}, "name must be"),
        ({"owner": " "}, "owner is empty"),
        ({"domain": "two words"}, "domain 'two words' is not an identifier"),
        ({"day": "id"}, "day id is not a declared DATE column"),
        ({"inputs": (SOURCE,), "columns": (Column("id", STRING, ""),)}, "column id has no doc"),
        ({"columns": (Column("id", STRING, "A."), Column("id", STRING, "B."))}, "declared twice"),
        ({"cluster_by": ("day",)}, "cluster_by column day is not declared"),
        ({"ensures": (not_null("id", severity="warn"),)}, "no check of severity fail"),
        ({"ensures": (not_null("id"), not_null("id"))}, "is declared twice"),
        ({"ensures": (not_empty("bronze.other"),)}, "ensures is about the table"),
        (
            {"ensures": (satisfies("few", "id < 3", "few.", given="bronze.other"),)},
            "given bronze.other, which is not an input",
        ),
        ({"ensures": (not_empty(),), "may_be_empty": "a calm week"}, "says that empty is legal"),
        ({"write": Overwrite(keys=("id",))}, "Append is for tables"),
        ({"never_late": "true"}, "never_late needs happened_on in the first input"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_contradiction_is_refused_with_file_and_line(changes, words):
    assert words in problems(**changes)


def test_columns_that_are_missing_undeclared_or_of_another_type_are_named_with_both_types():
    table = declare()
    declared = dict.fromkeys(table.column_names, "string")
    assert table.column_problems(declared) == {}
    found = {"id": "int", "_row_id": "string", "_source_file": "string", "extra": "date"}
    assert table.column_problems(found) == {
        "_extra": (None, "string"),
        "extra": ("date", None),
        "id": ("int", "string"),
    }


def test_a_derived_table_needs_its_grain_and_slices_among_its_columns():
    bronze = declare()
    found = problems(
        name="silver.things",
        inputs=(bronze,),
        write=Upsert(keys=("id", "day")),
        ensures=(unique("id"),),
    )
    assert "grain column day is not declared" in found
    assert "slice column day is not declared" in found


def test_an_scd2_table_needs_the_interval_columns():
    found = problems(
        name="silver.things",
        inputs=(declare(),),
        columns=(Column("id", STRING, "Key."), Column("effective_from", DATE, "Start.")),
        write=Scd2(keys=("id",), tracked=("id",), sequence_by="day"),
        ensures=(unique("id"),),
    )
    assert "SCD2 column effective_to is missing" in found


def test_only_what_landed_tells_when_it_happened():
    derived = {"name": "silver.x", "inputs": (declare(),), "write": Overwrite(keys=("id",))}
    assert "happened_on is for tables with a source" in problems(**derived, happened_on="id")


def test_a_derived_table_cannot_append():
    assert "Append is for tables" in problems(name="silver.things", inputs=(declare(),))


def test_a_history_must_be_a_later_input_with_the_columns_it_is_joined_by():
    facts, states, other = (
        declare(name=f"bronze.{name}", columns=(Column("id", STRING, "Key."),))
        for name in ("facts", "states", "other")
    )
    silver = {
        "name": "silver.things",
        "inputs": (facts, states),
        "write": Upsert(keys=("id",)),
    }
    found = problems(**silver, valid_at=(ValidAt(table=states, on=("id",), at="happened_at"),))
    assert "bronze.facts has no column happened_at" in found
    assert "bronze.states has no column effective_from" in found
    found = problems(**silver, valid_at=(ValidAt(table=other, on=("id",), at="id"),))
    assert "bronze.other, which is not a later input" in found
