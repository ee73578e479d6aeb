from __future__ import annotations

import re
from pathlib import Path

import pytest

from lakehouse.catalog.registry import registry
from lakehouse.reporting import catalogue
from lakehouse.reporting.catalogue import (
    MARKDOWN,
    REPOSITORY,
    catalogue_markdown,
    write_catalogue,
    write_markdown,
)

from .pages import drawings, fetches_nothing, read

TABLES = sorted(registry().entries)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("catalogue")
    write_catalogue(registry(), path)
    return path


def test_there_is_an_index_and_a_page_a_table(folder):
    names = {path.name for path in folder.iterdir()}

    assert names == {"index.html", *(f"{table}.html" for table in TABLES)}


@pytest.mark.parametrize("table", TABLES)
def test_a_page_names_every_column_and_every_check(folder, table):
    page = read((folder / f"{table}.html").read_text("utf-8"))

    contract = registry()[table].table
    for column in contract.stored_columns:
        assert f" {column.name} {column.type} " in page.text
    for check in (*contract.requires, *contract.ensures):
        assert check.name in page.text
    assert contract.owner in page.text
    path = Path(contract.defined_at.file).relative_to(REPOSITORY)
    assert path.name == f"{contract.noun}.py"
    assert path.as_posix() in page.text


@pytest.mark.parametrize("name", ["index", *TABLES])
def test_a_page_is_well_formed_and_its_links_lead_somewhere(folder, name):
    html = (folder / f"{name}.html").read_text("utf-8")
    page = read(html)

    assert page.unbalanced == []
    assert fetches_nothing(html)
    assert len(drawings(html)) == 1
    for reference in page.references:
        if reference.startswith("#"):
            assert reference[1:] in page.anchors
        elif reference != "data:,":
            assert (folder / reference).is_file()


def test_personal_data_is_marked(folder):
    text = read((folder / "bronze.user_signups.html").read_text("utf-8")).text

    assert "email string may be null personal data" in text


def test_it_is_the_same_every_time_and_knows_no_machine(folder, tmp_path):
    again = {path.name: path.read_text("utf-8") for path in write_catalogue(registry(), tmp_path)}

    assert again == {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert catalogue_markdown(registry()) == catalogue_markdown(registry())
    for text in (*again.values(), catalogue_markdown(registry())):
        assert str(REPOSITORY) not in text


def test_pages_of_tables_that_are_gone_are_removed_and_nothing_else(tmp_path):
    for name in ("gold.no_more.html", "notes.html", "index.html"):
        (tmp_path / name).write_text("old")

    write_catalogue(registry(), tmp_path)

    assert not (tmp_path / "gold.no_more.html").exists()
    assert (tmp_path / "notes.html").read_text() == "old"
    assert (tmp_path / "index.html").read_text("utf-8") != "old"


def test_inside_the_repository_a_page_links_to_the_code(tmp_path, monkeypatch):
    code = tmp_path / "spark/lakehouse/tables/gold/x.py"
    code.parent.mkdir(parents=True)
    code.touch()
    monkeypatch.setattr(catalogue, "REPOSITORY", tmp_path)

    href = catalogue._source_href("spark/lakehouse/tables/gold/x.py", tmp_path / "data/catalogue")

    assert href == "../../spark/lakehouse/tables/gold/x.py"


def test_the_markdown_names_every_column_and_check_and_links_to_the_code():
    text = catalogue_markdown(registry())

    for entry in registry().entries.values():
        for column in entry.table.stored_columns:
            assert f"| {column.name} | {column.type} |" in text
        for check in (*entry.table.requires, *entry.table.ensures):
            assert f"| {check.name} | {check.severity} |" in text
    for reference in re.findall(r"\[Code\]\((.*?)\)", text):
        assert (REPOSITORY / MARKDOWN.parent / reference).is_file()


def test_the_committed_markdown_is_up_to_date():
    committed = (REPOSITORY / MARKDOWN).read_text("utf-8")

    assert committed == catalogue_markdown(registry()), "run `lakehouse docs` and commit"


def test_the_markdown_is_written_where_it_is_committed(tmp_path):
    path = write_markdown(registry(), tmp_path)

    assert path == tmp_path / MARKDOWN
    assert path.read_text("utf-8") == catalogue_markdown(registry())
