"""How table modules are found and what is refused, on small packages of the test's own."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from lakehouse.catalog.fingerprint import Code
from lakehouse.catalog.registry import declared, found
from lakehouse.errors import TableDefinitionError

MODULE = '''
    """Toys of {name}."""
    from lakehouse.spec import STRING, Append, Column, Field, Overwrite, Source, Table, not_empty
    {imports}

    TABLE = Table(
        name="{name}",
        owner="tests",
        domain="tests",
        inputs={inputs},
        columns=(Column("id", STRING, "Key."),),
        write={write},
        ensures=(not_empty(),),
    )


    def transform({parameters}):
        return {parameters}
'''
SOURCE = '(Source(name="toys", doc="Toys.", fields=(Field("id"),)),)'


def bronze(name, parameters="landed, run"):
    return MODULE.format(
        name=name, imports="", inputs=SOURCE, write="Append()", parameters=parameters
    )


def gold(name, imports, inputs, parameters):
    return MODULE.format(
        name=name,
        imports=imports,
        inputs=inputs,
        write='Overwrite(keys=("id",))',
        parameters=parameters,
    )


@pytest.fixture
def declare(tmp_path, monkeypatch):
    """Write modules below `tables/` of a package and read what they declare."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "toy_house"

    def write(**modules):
        for path, text in modules.items():
            place = folder / "tables" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(dedent(text).lstrip())
        return declared(Code(folder))

    write.folder = folder
    yield write
    for name in [each for each in sys.modules if each.partition(".")[0] == "toy_house"]:
        del sys.modules[name]


def refused(declare, **modules):
    with pytest.raises(TableDefinitionError) as raised:
        declare(**modules)
    return str(raised.value), raised.value.details


def test_a_table_may_stand_in_a_folder_of_its_domain(declare):
    found = declare(
        **{
            "gold/b.py": gold(
                "gold.b", "from toy_house.tables.bronze.growth import a", "(a.TABLE,)", "a, run"
            ),
            "bronze/growth/a.py": bronze("bronze.a"),
            "bronze/growth/no_table.py": "WORDS = 1",
            "bronze/growth/.a-checkpoint.py": "left by an editor",
        }
    )
    assert list(found) == ["bronze.a", "gold.b"]
    assert found["bronze.a"].doc == "Toys of bronze.a."
    assert found["gold.b"].table.inputs == (found["bronze.a"].table,)
    assert found["gold.b"].transform("rows", "run") == ("rows", "run")


def test_a_noun_stands_once_in_a_layer(declare):
    message, details = refused(
        declare, **{"bronze/a.py": bronze("bronze.a"), "bronze/growth/a.py": bronze("bronze.a")}
    )
    assert details["file"].endswith("bronze/growth/a.py")
    assert "bronze/a.py:5" in message


@pytest.mark.parametrize(
    ("path", "expected"),
    [("bronze/b.py", "bronze.b"), ("bronze/growth/early/a.py", "bronze.growth.early.a")],
    ids=["another noun", "too deep"],
)
def test_a_name_that_is_not_its_place_is_refused(declare, path, expected):
    message, details = refused(declare, **{path: bronze("bronze.a")})
    assert expected in message
    assert details["line"] == 5


@pytest.mark.parametrize(
    ("parameters", "found"),
    [("rows, run", "(rows, run)"), ("landed, _run", "(landed, _run)"), ("landed", "(landed)")],
    ids=["another name for what landed", "another name for the run", "no run"],
)
def test_the_transform_of_a_source_takes_what_landed_and_the_run(declare, parameters, found):
    message, details = refused(declare, **{"bronze/a.py": bronze("bronze.a", parameters)})
    assert found in message
    assert "(landed, run)" in message
    assert f"{details['file']}:{details['line']}" in message


@pytest.mark.parametrize("parameters", ["b, a, run", "a, run", "a, c, run", "run, a, b"])
def test_the_transform_of_tables_takes_their_nouns_in_their_order(declare, parameters):
    modules = {"bronze/a.py": bronze("bronze.a"), "bronze/b.py": bronze("bronze.b")}
    imports, inputs = "from toy_house.tables.bronze import a, b", "(a.TABLE, b.TABLE)"
    table = gold("gold.c", imports, inputs, parameters)
    message, _ = refused(declare, **modules, **{"gold/c.py": table})
    assert f"({parameters})" in message
    assert "(a, b, run)" in message


@pytest.mark.parametrize(
    ("old", "new"),
    [('"""Toys of bronze.a."""', ""), ("def transform", "def other")],
    ids=["docstring", "transform"],
)
def test_a_module_has_a_docstring_and_a_transform(declare, old, new):
    _, details = refused(declare, **{"bronze/a.py": bronze("bronze.a").replace(old, new)})
    assert details["file"].endswith("bronze/a.py")


# ------------------------------------------------------------- what is wrong, all at once


def broken_in(declare, **modules):
    """What is broken: table → (last part of the file, line, what is said)."""
    with pytest.raises(TableDefinitionError):
        declare(**modules)
    for name in [each for each in sys.modules if each.partition(".")[0] == "toy_house"]:
        del sys.modules[name]
    made = found(Code(declare.folder))
    return {
        name: (Path(error.details["file"]).name, error.details["line"], str(error))
        for name, error in made.broken.items()
    }, list(made.entries)


GOOD = {"bronze/a.py": bronze("bronze.a")}
READS_A = "from toy_house.tables.bronze import a"


def test_broken_modules_leave_the_others_alone_and_take_what_reads_them_along(declare):
    broken, there = broken_in(
        declare,
        **GOOD,
        **{
            "gold/syntax.py": '"""Toys."""\nx = (\n',
            "gold/name.py": '"""Toys."""\n\nTABLE = no_such_thing\n',
            "gold/b.py": gold(
                "gold.b", "from toy_house.tables.silver import s", "(s.TABLE,)", "s, run"
            ),
            "silver/s.py": gold("silver.s", READS_A, "(a.TABLE,)", "wrong, run"),
        },
    )
    assert there == ["bronze.a"]
    assert broken["gold.syntax"][:2] == ("syntax.py", 2)
    assert broken["gold.name"][:2] == ("name.py", 3)
    assert "NameError" in broken["gold.name"][2]
    assert broken["silver.s"][0] == broken["gold.b"][0] == "s.py"


def test_a_circle_of_imports_is_named(declare):
    broken, _ = broken_in(
        declare,
        **{
            "gold/a.py": '"""A."""\nfrom toy_house.tables.gold import b\n\nTABLE = b.TABLE\n',
            "gold/b.py": '"""B."""\nfrom toy_house.tables.gold import a\n\nTABLE = a.TABLE\n',
        },
    )
    assert broken["gold.a"][:2] == ("b.py", 4)
    assert "gold.a → gold.b → gold.a" in broken["gold.a"][2]


SILVER = gold("silver.s", READS_A, "(a.TABLE,)", "a, run")


ENSURED = "ensures=(not_empty(),)"
WRONG = {
    "unique": ('ensures=(not_empty(), unique("idd"))', "no column idd. Did you mean id"),
    "predicate": ('ensures=(not_empty(), satisfies("p", "upper(x) > 1", "p"))', "no column x"),
    "no sql": ('ensures=(not_empty(), satisfies("p", "id > (", "p"))', "p is not valid SQL"),
    "final": (f'{ENSURED}, final="is_over"', "final: silver.s has no column is_over"),
    "input": (f'{ENSURED}, requires=(not_null("x", on="bronze.a"),)', "bronze.a has no column x"),
    "clock": (f'{ENSURED}, requires=(fresh_within("bronze.a", "d", days=1),)', "no column d"),
    "reference": (
        f'{ENSURED}, requires=(references("id", "bronze.z", "id", on="bronze.a"),)',
        "bronze.z is not an input",
    ),
    "dedupe key": (f'{ENSURED}, dedupe=Dedupe(keys=("x",), order_by=("id",))', "dedupe key"),
    "dedupe order": (
        f'{ENSURED}, dedupe=Dedupe(keys=("id",), order_by=("lower(at) desc",))',
        "dedupe order: bronze.a has no column at",
    ),
    "serve": (f'{ENSURED}, serve=Serve(indexes=(("x",),))', "serve column x is not declared"),
    "as-of": (f'{ENSURED}, as_of=Latest(a.TABLE, "d")', "no DATE column d"),
}


def with_all_words(module):
    return module.replace(
        "import STRING, Append,", "import *\n    from lakehouse.spec import Append,"
    )


@pytest.mark.parametrize(("wrong", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_name_that_nothing_has_is_an_error_of_the_definition(declare, wrong, says):
    module = with_all_words(SILVER).replace(ENSURED, wrong)
    broken, there = broken_in(declare, **GOOD, **{"silver/s.py": module})
    assert there == ["bronze.a"]
    assert broken["silver.s"][0] == "s.py"
    assert says in broken["silver.s"][2]


def test_it_is_told_at_its_line(declare):
    module = with_all_words(SILVER).replace(ENSURED, WRONG["unique"][0])
    broken, _ = broken_in(declare, **GOOD, **{"silver/s.py": module})
    lines = (declare.folder / "tables/silver/s.py").read_text().splitlines()
    assert 'unique("idd")' in lines[broken["silver.s"][1] - 1]


def test_rows_without_a_day_are_refused_where_files_hold_days(declare):
    columns = 'columns=(Column("id", STRING, "Key."), Column("d", DATE, "Day."))'
    module = with_all_words(SILVER).replace(
        'columns=(Column("id", STRING, "Key."),)', f'{columns}, day="d"'
    )
    broken, _ = broken_in(declare, **GOOD, **{"silver/s.py": module})
    assert "day d is nullable" in broken["silver.s"][2]
