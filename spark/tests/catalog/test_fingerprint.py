"""A table's fingerprint: what changes it, and what does not."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent

import pytest

from lakehouse.catalog.fingerprint import Code, our_code
from lakehouse.catalog.registry import registry
from lakehouse.spec import (
    STRING,
    Append,
    Column,
    Dedupe,
    Field,
    Overwrite,
    Scd2,
    Source,
    Table,
    not_empty,
)
from lakehouse.spec.table import SCD2_COLUMNS

MODULE = "toy.tables.gold.x"
FILES = {
    "__init__.py": """
        def open_lake():
            from toy.engine import start
            return start()
    """,
    "engine.py": "def start(): pass",
    "metrics/__init__.py": "",
    "metrics/used.py": "LIMIT = 3",
    "metrics/unused.py": "LIMIT = 4",
    "metrics/named.py": "Name = str",
    "transforms/__init__.py": "",
    "landing/reader/csv_format.py": "def parsed(rows): return rows",
    "transforms/scd2.py": "def intervals(rows): return rows",
    "transforms/dedupe.py": "def first(rows): return rows",
    "transforms/late.py": "from . import loop\nONE = 1",
    "transforms/loop.py": "import toy.transforms.late",
    "tables/__init__.py": "",
    "tables/gold/__init__.py": "SHARED = 1",
    "tables/gold/other.py": "PARTS = ('a', 'b')\nTABLE = None",
    "tables/gold/x.py": '''
        """Doc."""
        import sys
        from typing import TYPE_CHECKING

        from toy.metrics import used as metric
        from toy.tables.gold.other import PARTS

        if TYPE_CHECKING:
            from toy.metrics.named import Name

        TABLE = (PARTS, metric.LIMIT)
        """About it."""


        def transform(rows, run):
            """Take over."""
            from toy.transforms.late import ONE
            return rows
    ''',
}


@pytest.fixture
def toy(tmp_path):
    """A small package; call it to change files and get the fingerprint of a table then."""
    folder = tmp_path / "toy"

    def fingerprint(table=None, **changes):
        for name, text in changes.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text).lstrip())
        return Code(folder).fingerprint(table or declared(), MODULE)

    fingerprint(**FILES)
    return fingerprint


def declared(**more):
    columns = (Column("id", STRING, "Key."),)
    first = Table(
        name="silver.first",
        owner="tests",
        domain="tests",
        inputs=(Source(name="first", doc="First.", fields=(Field("id"),)),),
        columns=columns,
        write=Append(),
        ensures=(not_empty(),),
    )
    write = Overwrite(keys=("id",))
    usual = {"inputs": (first,), "columns": columns, "write": write, "ensures": (not_empty(),)}
    return Table(name="gold.x", owner="tests", domain="tests", **usual | more)


HISTORY = declared(
    columns=(Column("id", STRING, "Key."), *SCD2_COLUMNS),
    write=Scd2(keys=("id",), tracked=(), sequence_by="day"),
)
LANDED = declared(inputs=(Source(name="x", doc="X.", fields=(Field("id"),)),), write=Append())
DEDUPED = declared(dedupe=Dedupe(keys=("id",), order_by=("id",)))
TOLD = declared(inputs=LANDED.inputs, write=Append(), happened_on="id")
CUT = declared(inputs=(TOLD,))
X = FILES["tables/gold/x.py"]


@pytest.mark.parametrize(
    "text",
    [
        X.replace('"""Doc."""', '"""Another."""'),
        X.replace('"""Take over."""', '"""\n            Take\n            over.\n            """'),
        X.replace('"""About it."""', "# A comment."),
        X.replace(
            "(PARTS, metric.LIMIT)", "(\n            PARTS,\n            metric.LIMIT,\n        )"
        ),
    ],
    ids=["module", "function", "below a constant", "layout"],
)
def test_words_and_layout_do_not_count(toy, text):
    assert text != X
    assert toy() == toy(**{"tables/gold/x.py": text})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tables/gold/x.py", X.replace("return rows", "return None")),
        ("tables/gold/x.py", X.replace("(PARTS, metric.LIMIT)", "(PARTS, 'metric')")),
        ("tables/gold/other.py", "PARTS = ('a', 'c')"),
        ("metrics/used.py", "LIMIT = 3.0"),
        ("transforms/late.py", "from . import loop\nONE = True"),
        ("transforms/loop.py", "import toy.transforms.late\nTWO = 2"),
        ("tables/gold/__init__.py", "SHARED = 2"),
    ],
    ids=[
        "its transform",
        "its declaration",
        "a constant of another table",
        "a metric",
        "an import in a function",
        "a relative import, in a circle",
        "the package around it",
    ],
)
def test_what_the_module_reaches_counts(toy, path, text):
    assert toy() != toy(**{path: text})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("metrics/unused.py", "LIMIT = 5"),
        ("metrics/named.py", "Name = bytes"),
        ("metrics/added.py", "LIMIT = 5"),
        ("transforms/scd2.py", "def intervals(rows): return None"),
        ("engine.py", "def start(): return 1"),
    ],
    ids=[
        "another metric",
        "an import for types",
        "a new file",
        "a verb of other tables",
        "what a package on the way imports when called",
    ],
)
def test_what_it_does_not_reach_does_not_count(toy, path, text):
    assert toy() == toy(**{path: text})


@pytest.mark.parametrize(
    ("table", "verb"),
    [
        (LANDED, "landing/reader/json_format"),
        (HISTORY, "transforms/scd2"),
        (DEDUPED, "transforms/dedupe"),
        (CUT, "transforms/dedupe"),
    ],
    ids=["landed", "history", "dedupe", "cut"],
)
def test_the_verb_that_the_engine_applies_counts_where_a_table_asks_for_it(toy, table, verb):
    of_plain, of_table = toy(), toy(table)
    changed = {f"{verb}.py": "def anything(rows): return None"}
    assert toy(table, **changed) != of_table
    assert toy(**changed) == of_plain


def test_the_closure_names_each_module_once(toy, tmp_path):
    assert Code(tmp_path / "toy").closure(MODULE) == [
        "toy",
        "toy.metrics",
        "toy.metrics.used",
        "toy.tables",
        "toy.tables.gold",
        "toy.tables.gold.other",
        MODULE,
        "toy.transforms",
        "toy.transforms.late",
        "toy.transforms.loop",
    ]


def test_a_file_is_parsed_once(toy, tmp_path):
    code = Code(tmp_path / "toy")
    before = code.fingerprint(declared(), MODULE)
    toy(**{"metrics/used.py": "LIMIT = 9"})
    assert code.fingerprint(declared(), MODULE) == before
    assert toy() != before


@pytest.fixture
def changed_tables(tmp_path):
    """Names of the real tables whose fingerprint an edit of one file changes."""
    folder = tmp_path / "lakehouse"
    shutil.copytree(our_code().folder, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def changed(path, edit):
        text = (folder / path).read_text()
        assert edit(text) != text
        (folder / path).write_text(edit(text))
        code = Code(folder)
        return {
            entry.table.name
            for entry in registry()
            if code.fingerprint(entry.table, entry.transform.module) != entry.code
        }

    return changed


def with_more(text):
    return f"{text}\nADDED = 1\n"


def test_a_comment_in_a_metric_recomputes_nothing(changed_tables):
    assert changed_tables("metrics/anomalies.py", "{}\n# A comment.\n".format) == set()


def test_a_constant_of_another_table_recomputes_the_table_that_takes_it(changed_tables):
    declared_in = registry()["gold.performance_metrics"].table.defined_at.file
    path = Path(declared_in).resolve().relative_to(our_code().folder)
    changed = changed_tables(path, lambda text: text.replace("PARTS = (", "PARTS = ('x', "))
    assert changed == {"gold.performance_metrics", "gold.performance_anomalies"}


def test_a_metric_recomputes_the_tables_of_its_domain_alone(changed_tables):
    changed = changed_tables("metrics/conversion.py", with_more)
    assert {registry()[name].table.domain for name in changed} == {"growth"}
    assert "gold.feature_conversion_lift" in changed


def test_the_verb_of_histories_recomputes_histories_alone(changed_tables):
    changed = changed_tables("transforms/scd2.py", with_more)
    assert changed == {each.table.name for each in registry() if isinstance(each.table.write, Scd2)}
    assert changed
