"""How table modules are found and what is refused, on small packages of the test's own."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

from lakehouse.catalog.fingerprint import Code
from lakehouse.catalog.registry import declared
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
