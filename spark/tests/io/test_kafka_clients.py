"""How clients are told where topics are, and what they are never told."""

from __future__ import annotations

import pytest

from lakehouse.engines.doctor import diagnose
from lakehouse.errors import ConfigError
from lakehouse.io import kafka
from lakehouse.settings import load_settings

PASSWORD = "correct horse"  # noqa: S105  # of nobody
LOGIN = {"kafka_username": "lake", "kafka_password": PASSWORD}


@pytest.fixture
def named(tmp_path):
    """Settings of a lake whose brokers are named."""

    def make(**more):
        return load_settings(root=str(tmp_path), kafka_bootstrap="a:9093,b:9093", **more)

    return make


def test_named_brokers_are_spoken_to_in_plain_text_unless_told_otherwise(named):
    assert kafka.client_config(named()) == {
        "bootstrap.servers": "a:9093,b:9093",
        "client.id": "lakehouse",
        "security.protocol": "plaintext",
    }


def test_a_login_over_tls(named, tmp_path):
    certificates = tmp_path / "ca.pem"
    certificates.write_text("PEM")
    made = named(
        kafka_security="sasl_ssl",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_ca=str(certificates),
        **LOGIN,
    )
    assert kafka.client_config(made) == {
        "bootstrap.servers": "a:9093,b:9093",
        "client.id": "lakehouse",
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "lake",
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(certificates),
    }


def test_the_password_is_shown_nowhere(named):
    made = named(kafka_security="sasl_plaintext", **LOGIN)
    config = kafka.client_config(made)
    assert config["sasl.password"] == PASSWORD
    extended = config | {"group.id": "more"}
    for shown in (made, config, extended):
        assert PASSWORD not in f"{shown} {shown!r}"
    assert "***" in repr(extended)


def test_a_login_needs_both_halves(named):
    with pytest.raises(ConfigError) as raised:
        kafka.client_config(named(kafka_security="sasl_ssl", kafka_password=PASSWORD))
    assert raised.value.details["missing"] == ["LAKEHOUSE_KAFKA_USERNAME"]
    assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("security", ["ssl", "plaintext"])
def test_certificates_must_be_there_and_of_use(named, security):
    with pytest.raises(ConfigError, match="LAKEHOUSE_KAFKA_CA"):
        kafka.client_config(named(kafka_security=security, kafka_ca="nowhere.pem"))


def test_a_wrong_setting_does_not_tell_the_password(monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_KAFKA_PASSWORD", PASSWORD)
    with pytest.raises(ConfigError, match="LAKEHOUSE_KAFKA_SASL_MECHANISM") as raised:
        load_settings(kafka_sasl_mechanism="GUESS")
    assert PASSWORD not in str(raised.value)


def test_without_a_broker_it_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="run `lakehouse kafka up`, or set LAKEHOUSE_KAFKA_BOOT"):
        kafka.client_config(load_settings(root=str(tmp_path)))


def test_an_object_store_holds_no_broker():
    remote = load_settings(root="s3a://bucket/lake")
    with pytest.raises(ConfigError, match=r"reached: set LAKEHOUSE_KAFKA_BOOTSTRAP$"):
        kafka.client_config(remote)
    with pytest.raises(ConfigError, match="set LAKEHOUSE_KAFKA_BOOTSTRAP"):
        kafka.own_home(remote)


@pytest.mark.parametrize(
    ("settings", "state", "found"),
    [
        ({}, "ok", "lakehouse kafka up"),
        ({"kafka_bootstrap": "a:9092"}, "ok", "a:9092"),
        ({"kafka_bootstrap": "a:9092", "kafka_security": "sasl_ssl"}, "bad", "KAFKA_USERNAME"),
    ],
    ids=["none", "named", "half a login"],
)
def test_the_doctor_looks_at_the_settings(tmp_path, settings, state, found):
    rows = diagnose(load_settings(root=str(tmp_path), engine="duckdb", **settings))
    (row,) = (row for row in rows if row["check"] == "kafka")
    assert row["state"] == state
    assert found in row["found"]
