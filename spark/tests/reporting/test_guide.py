"""The page for those who bring their own data says what the reader does."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from readers import read

from lakehouse.catalog.registry import registry
from lakehouse.landing.mappings import parse
from lakehouse.reporting.guide import MARKDOWN, REPOSITORY, contracts, guide_markdown
from lakehouse.spec import Field, Source
from lakehouse.spec.columns import TIMESTAMP

TEXT = guide_markdown(registry())
SOURCES = {contract.source.name: contract for contract in contracts(registry())}


def test_the_committed_page_is_what_the_specs_say():
    assert (REPOSITORY / MARKDOWN).read_text("utf-8") == TEXT, "run `lakehouse docs`"


@pytest.mark.parametrize("name", SOURCES)
def test_every_field_is_there_and_the_smallest_file_lands(tmp_path, name):
    contract = SOURCES[name]
    for field in contract.source.fields:
        assert f"| {field.name} | " in TEXT
    assert contract.example in TEXT
    (row,) = read(tmp_path / f"{name}.csv", contract.example, contract.source)
    assert row["_reasons"] == []


def test_the_mapping_of_the_page_is_one_and_does_what_it_says(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    declared = tuple(contract.source for contract in SOURCES.values())
    source = replace(SOURCES["user_interactions"].source, mappings=parse(text, "x", declared))
    (tmp_path / "exports").mkdir()
    record = '{"user": {"id": "u"}, "kind": "view", "sent": 1767607200000, "took": 0.5}'
    mapped = replace(source, mappings=(replace(source.mappings[0], files="web-1.jsonl"),))
    (row,) = read(tmp_path / "web-1.jsonl", record, mapped)
    assert (row["user_id"], row["action_type"], row["duration_ms"]) == ("u", "page_view", 500)
    assert source.mapping_of("exports/web-1.jsonl") is not None


def test_moments_are_what_the_table_says(tmp_path):
    section = TEXT.split("## Timestamps")[1].split("## ")[0]
    lines = re.findall(r"^\| (`.*`) \| (.*) \|$", section, re.MULTILINE)
    assert len(lines) > 5
    source = Source(name="s", doc="S.", fields=(Field("at", TIMESTAMP),))
    for written, meaning in lines:
        for value in re.findall(r"`([^`]+)`", written):
            text = '{"at": ' + (value if value[0] == "{" else f'"{value}"') + "}"
            (row,) = read(tmp_path / "s.jsonl", text, source)
            assert bool(row["_reasons"]) == meaning.startswith("rejected"), value
