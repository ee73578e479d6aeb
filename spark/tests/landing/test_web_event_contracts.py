"""The committed contracts of web events, held against events that a generator made."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from lakehouse.landing.contracts import FOLDER
from lakehouse.metrics.web_events import CONTRACT
from lakehouse.synthetic import Arguments, generate

KINDS = [kind.name for kind in CONTRACT.kinds]


@pytest.fixture(scope="module")
def validators():
    return {
        kind: Draft202012Validator(
            json.loads(
                (FOLDER / "web_events" / f"{kind}.v{CONTRACT.version}.json").read_text("utf-8")
            )
        )
        for kind in KINDS
    }


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    out = tmp_path_factory.mktemp("events")
    arguments = Arguments(users=300, web_events=8_000, days=30, dirty=0.03, domains=("web",))
    generate(arguments, out)
    return (out / "web_events.jsonl").read_text("utf-8").splitlines()


def records(lines, *, are_dead):
    found = []
    for line in lines:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if record["event_id"].startswith("bad_") == are_dead:
            found.append(record)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_generated_events_of_each_type_are_valid(kind, lines, validators):
    of_kind = [each for each in records(lines, are_dead=False) if each["event_type"] == kind]
    assert of_kind
    for event in of_kind:
        assert [error.message for error in validators[kind].iter_errors(event)] == []


def reason(event, validators):
    """What a schema has against an event; None if nothing."""
    validator = validators.get(event["event_type"])
    if validator is None:
        return "unknown type"
    return next((error.json_path for error in validator.iter_errors(event)), None)


def test_planted_dead_letters_are_not_valid(lines, validators):
    dead = records(lines, are_dead=True)
    found = {reason(each, validators) for each in dead}
    assert found == {"unknown type", "$.properties.price", "$.properties.transaction", None}
    broken = [line for line in lines if not line.endswith("}")]
    assert broken, "no JSON at all"


def test_only_clocks_that_are_wrong_need_more_than_a_schema(lines, validators):
    dead = records(lines, are_dead=True)
    passed = [each for each in dead if reason(each, validators) is None]
    assert {each["timestamp"][:4] for each in passed} == {"1970", "2100"}
    comment = validators["page_view"].schema["$comment"]
    assert "24 hours after it was received" in comment
    assert "before 2000-01-01" in comment
