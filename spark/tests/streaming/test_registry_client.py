"""The registry, used by Confluent's own client and its serializers."""

from __future__ import annotations

import json

import pytest
from streaming.registry_process import confluent, serving

from lakehouse.catalog.registry import registry as tables
from lakehouse.landing.contracts import declared
from lakehouse.streaming.registration import proposals, register
from lakehouse.streaming.registry_client import AtUrl

confluent_registry = confluent()
Schema = confluent_registry.Schema
Refused = confluent_registry.SchemaRegistryError


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def client(served):
    conf = {"url": served.url, "max.retries": 0}
    with confluent_registry.SchemaRegistryClient(conf) as made:
        yield made


def of(**schema):
    return Schema(json.dumps(schema), "JSON")


ONE, TWO = of(type="integer"), of(type="number")


def refusal(ask, *arguments, **options):
    with pytest.raises(Refused) as caught:
        ask(*arguments, **options)
    return caught.value.http_status_code, caught.value.error_code


def test_it_registers_and_reads(client):
    one = of(type="integer", description="of this subject alone")
    made = client.register_schema("read", one)
    assert client.get_schema(made).schema_str == one.schema_str
    assert client.lookup_schema("read", one).version == 1
    client.register_schema("read", TWO)
    assert client.get_latest_version("read").version == 2
    assert client.get_version("read", 1).schema_id == made
    assert client.get_versions("read") == [1, 2]
    assert "read" in client.get_subjects()
    assert [(each.subject, each.version) for each in client.get_schema_versions(made)] == [
        ("read", 1)
    ]
    assert client.get_schema_types() == ["JSON"]


def test_it_is_refused_with_codes(client):
    client.register_schema("refused", TWO)
    assert refusal(client.register_schema, "refused", ONE) == (409, 409)
    assert refusal(client.register_schema, "refused", of(type="text")) == (422, 42201)
    assert refusal(client.register_schema, "refused", Schema('"string"', "AVRO")) == (422, 42201)
    assert refusal(client.lookup_schema, "refused", of(type="null")) == (404, 40403)
    assert refusal(client.get_latest_version, "nobody") == (404, 40401)
    assert refusal(client.get_version, "refused", 9) == (404, 40402)
    assert refusal(client.get_schema, 99_999) == (404, 40403)
    assert refusal(client.set_compatibility, "refused", "FULL") == (422, 42203)


def test_it_asks_for_compatibility(client):
    client.register_schema("asked", TWO)
    assert not client.test_compatibility("asked", ONE, verbose=True)
    assert client.test_compatibility("asked", of(type=["number", "null"]), version=1)
    assert not client.test_compatibility_all_versions("asked", ONE)
    client.set_compatibility("asked", "NONE")
    assert client.get_compatibility("asked") == "NONE"
    assert client.test_compatibility("asked", ONE)
    assert client.delete_config("asked").compatibility_level == "NONE"
    assert client.get_compatibility() == "BACKWARD"
    assert client.get_global_mode() == "READWRITE"


def test_it_deletes(client):
    client.register_schema("deleted", ONE)
    client.register_schema("deleted", TWO)
    assert client.delete_version("deleted", 1) == 1
    assert client.get_versions("deleted", deleted=True) == [1, 2]
    assert client.get_versions("deleted", deleted_only=True) == [1]
    assert client.delete_subject("deleted") == [2]
    assert client.delete_subject("deleted", permanent=True) == [1, 2]
    assert "deleted" not in client.get_subjects(deleted=True)


def test_names_with_slashes(client):
    client.register_schema("a/b c", ONE)
    assert client.get_latest_version("a/b c").subject == "a/b c"


def serializers(client, text):
    from confluent_kafka.schema_registry import json_schema  # noqa: PLC0415  # see `confluent`

    by_record = {"subject.name.strategy.type": "RECORD"}
    writer = {"auto.register.schemas": False} | by_record
    return (
        json_schema.JSONSerializer(text, client, conf=writer),
        json_schema.JSONDeserializer(None, schema_registry_client=client, conf=by_record),
    )


def test_our_contracts_serve_producers_and_consumers(served, client):
    from confluent_kafka.serialization import (  # noqa: PLC0415  # see `confluent`
        MessageField,
        SerializationContext,
        SerializationError,
    )

    ours = proposals(declared(entry.table for entry in tables()))
    done = {each.subject: each.id for each in register(AtUrl.of(served.url), ours)}
    texts = {each.subject: each.text for each in ours}
    serialize, deserialize = serializers(client, texts["web_events.scroll"])
    here = SerializationContext("topic_web_events", MessageField.VALUE)
    event = {
        "event_id": "e1",
        "event_type": "scroll",
        "timestamp": "2026-01-05T10:00:00Z",
        "anonymous_id": "a1",
        "properties": {"depth_pct": 40},
    }
    sent = serialize(event, here)
    assert sent[0] == 0
    assert int.from_bytes(sent[1:5], "big") == done["web_events.scroll"]
    assert json.loads(sent[5:]) == event
    assert deserialize(sent, here) == event
    with pytest.raises(SerializationError, match="not valid"):
        serialize({key: value for key, value in event.items() if key != "anonymous_id"}, here)
