"""All settings, in one frozen object read from the environment (prefix `LAKEHOUSE_`)."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field as Setting
from pydantic import SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lakehouse.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[2]
CONF_DIR = PROJECT / "spark" / "conf"
NOT_IN_ROOT = set("[]^|\\")
"""delta-rs makes a local path part of a URL, in which these cannot stand as themselves."""
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
"""Nor can what looks like an escaped character: it would be taken for the character."""


class Settings(BaseSettings):
    """Where the lake is and what runs it. Every field is an environment variable.

    The environment wins over `.env` in the working folder, which wins over `conf/<env>.env`.
    """

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", frozen=True, extra="ignore")

    root: str = Setting("data", description="Root of the lake: a folder, or s3a://bucket/prefix.")
    raw: str = Setting("", description="Landing folder; by default <root>/raw.")
    sources: str = Setting(
        "",
        description="Mappings for landing files of other shapes; by default sources.toml beside "
        "the landing folder.",
    )
    reference: str = Setting(
        str(PROJECT / "data" / "reference"),
        description="Folder of policies and reference lists; by default the project's "
        "data/reference.",
    )
    places_database: str = Setting(
        "", description="Database of places of networks (MaxMind's format); empty = web.toml's."
    )
    env: Literal["dev", "staging", "prod"] = Setting("dev", description="Environment.")
    engine: Literal["spark", "duckdb"] = Setting(
        "spark", description="Engine: spark, or duckdb (in-process, without Java)."
    )
    duckdb_memory: str = Setting(
        "2GB", description="Memory of DuckDB; what does not fit is spilled to disk."
    )
    spark_master: str = Setting("local[*]", description="Spark master: local[*], spark://, k8s://.")
    spark_remote: str = Setting("", description="Spark Connect URL (sc://host:port); overrides it.")
    spark_conf: str = Setting(
        "", description="Extra Spark settings: key=value, separated by semicolons."
    )
    event_log: str = Setting(
        "", description="Folder for Spark's event logs, which `lakehouse report` reads."
    )
    engine_memory_gib: float = Setting(
        0.0,
        ge=0,
        description="The shared engine restarts when it uses more memory than this; by default "
        "3 GiB more than the driver's.",
    )
    driver_memory: str = Setting(
        "", description="Memory of the Spark driver; by default 40 % of this machine's."
    )
    week_starts_on: Literal["monday", "sunday"] = Setting(
        "monday", description="First day of a week, in weekly figures and retention."
    )
    profiles_since_joining: bool = Setting(
        False,
        description="A user's first record holds from the join date on: for exports of the current "
        "state, which only know the last change.",
    )
    parallelism: int = Setting(2, ge=1, le=64, description="Tables that run side by side.")
    lock_timeout_s: float = Setting(
        0.0, ge=0, description="Seconds to wait for a table that another process writes."
    )
    lock_dir: str = Setting("", description="Folder of the table locks; needed for remote roots.")
    max_line_bytes: int = Setting(
        10_485_760, ge=1024, description="Longer landed lines go to quarantine."
    )
    topic_most_records: int = Setting(
        0, ge=0, description="Records of a topic that one run takes at most; 0 = all there are."
    )
    topic_most_bytes: int = Setting(
        0,
        ge=0,
        description="Bytes of records of a topic that one run takes at most, the first record of a "
        "partition aside; 0 = all there are.",
    )
    stream_upkeep_every: int = Setting(
        20,
        ge=0,
        description="Batches of `lakehouse stream` from one merging of a table's small files to "
        "the next; 0 = never.",
    )
    topic_accept_loss: bool = Setting(
        False,
        description="Go on where records of a topic were deleted before they were consumed.",
    )
    alert_urls: SecretStr = Setting(
        SecretStr(""),
        description="Destinations of alerts: URLs separated by spaces or commas; may hold secrets. "
        "By default <root>/ops/alerts.jsonl.",
    )
    alert_lag_records: int = Setting(
        100_000,
        ge=0,
        description="More records of a topic than this behind a batch are an alert; ten times as "
        "many a critical one.",
    )
    alert_rejected_pct: float = Setting(
        5.0,
        ge=0,
        le=100,
        description="A larger share of a topic's newest records rejected is an alert; half of them "
        "a critical one.",
    )
    alert_freshness_s: float = Setting(
        300.0,
        gt=0,
        description="Half of a batch's events published later than this is an alert; six times as "
        "late a critical one.",
    )
    alert_quiet_s: float = Setting(
        120.0,
        ge=0,
        description="So long a condition must be fine before its alert counts as recovered.",
    )
    metrics_port: int = Setting(
        0,
        ge=0,
        le=65_535,
        description="Port on which `lakehouse stream` serves Prometheus' /metrics; 0 = none.",
    )
    metrics_host: str = Setting(
        "127.0.0.1", description="Address of that port; 0.0.0.0 = reachable from other machines."
    )
    registry_url: SecretStr = Setting(
        SecretStr(""),
        description="Schema registry: its URL, which may hold a user and a password; by default "
        "the files in <root>/.registry.",
    )
    postgres_url: SecretStr = Setting(
        SecretStr(""),
        description="Serving database, with the role that writes; contains a secret.",
    )
    postgres_reader_url: SecretStr = Setting(
        SecretStr(""),
        description="The same database with a read-only role, for dashboards; contains a secret.",
    )
    kafka_bootstrap: str = Setting(
        "", description="Kafka brokers, host:port,…; without it `lakehouse kafka up` starts one."
    )
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Setting(
        "plaintext", description="Protocol of those brokers."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Setting(
        "PLAIN", description="How sasl_plaintext and sasl_ssl log in."
    )
    kafka_username: str = Setting("", description="Who logs in.")
    kafka_password: SecretStr = Setting(SecretStr(""), description="Its password; a secret.")
    kafka_ca: str = Setting(
        "",
        description="Certificates (PEM) that ssl and sasl_ssl trust; by default this machine's.",
    )
    health_interval_s: float = Setting(
        60.0, gt=0, description="Seconds from one look at the lake's health to the next."
    )
    health_lag_s: float = Setting(
        60.0,
        gt=0,
        description="A topic of which all was consumed longer ago than this is behind.",
    )
    health_p99_ms: float = Setting(
        800.0, gt=0, description="99 % of the API's answers must take less than this."
    )
    health_success_pct: float = Setting(
        99.8,
        ge=0,
        le=100,
        description="A larger share of the table runs that were tried must not fail.",
    )
    health_window_h: float = Setting(
        24.0, gt=0, description="Runs of so many hours count for that share."
    )
    api_host: str = Setting(
        "127.0.0.1", description="Address of the API; 0.0.0.0 = reachable from other machines."
    )
    api_port: int = Setting(8000, ge=0, le=65_535, description="Its port; 0 = any that is free.")
    api_workers: int = Setting(1, ge=1, le=64, description="Processes that answer.")
    api_docs: bool = Setting(
        True, description="Show the OpenAPI document and its page to whoever asks."
    )
    api_tls_certificate: str = Setting(
        "", description="Certificate chain (PEM) of the API; empty = plain HTTP."
    )
    api_tls_key: str = Setting("", description="Its private key (PEM).")
    api_audit: str = Setting(
        "",
        description="Folder of the API's audit log, on this machine; by default "
        "<root>/ops/api_audit, for a lake on an object store api_audit in the working folder.",
    )
    api_deadline_s: float = Setting(
        2.0, gt=0, le=60, description="Longest time for the reads of an answer."
    )
    api_query_s: float = Setting(10.0, gt=0, le=600, description="Longest time of a query in SQL.")
    api_queries: int = Setting(
        2, ge=1, le=64, description="Queries in SQL that a process runs side by side."
    )
    api_connections: int = Setting(
        8, ge=1, le=200, description="Connections of a process to the serving database, at most."
    )
    api_most_bytes: int = Setting(
        65_536, ge=1024, description="Larger bodies of requests are refused."
    )
    api_rate: float = Setting(50.0, gt=0, description="Requests a second of a key, on average.")
    api_burst: int = Setting(100, ge=1, description="Requests of a key at once, on top of a pause.")
    api_oidc_issuer: str = Setting(
        "", description="Issuer whose tokens (JWT) stand beside our keys; empty = none."
    )
    api_oidc_audience: str = Setting("", description="Audience that a token must be meant for.")
    api_oidc_jwks: str = Setting(
        "", description="URL of the issuer's keys; by default the one that it tells itself."
    )
    api_oidc_role_claim: str = Setting(
        "role", description="Claim with the role, or a list of them."
    )
    api_oidc_tenant_claim: str = Setting("tenant", description="Claim with the tenant.")
    cache_url: SecretStr = Setting(
        SecretStr("mem://"),
        description="Cache of the API: mem://, or redis://… of Redis or Valkey; may hold a secret.",
    )
    cache_timeout_s: float = Setting(
        0.05, gt=0, description="Longest wait for the cache; then the answer is made without."
    )
    fault: str = Setting("", description="Tests only: kill the process at this point.")

    @field_validator("root")
    @classmethod
    def _can_be_opened(cls, root: str) -> str:
        path = _absolute(root)
        if "://" not in path and (met := NOT_IN_ROOT & set(path)):
            unfit = " ".join(sorted(met))
            raise ValueError(f"{path} cannot hold a lake; choose a folder without {unfit}")
        if "://" not in path and (found := _ESCAPE.search(path)):
            raise ValueError(f"{path} cannot hold a lake; choose a folder without {found[0]}")
        return root

    @model_validator(mode="after")
    def _api_can_be_trusted(self) -> Settings:
        if bool(self.api_tls_certificate) != bool(self.api_tls_key):
            raise ValueError("LAKEHOUSE_API_TLS_CERTIFICATE and LAKEHOUSE_API_TLS_KEY go together")
        if self.api_oidc_issuer and not self.api_oidc_audience:
            raise ValueError("LAKEHOUSE_API_OIDC_ISSUER needs LAKEHOUSE_API_OIDC_AUDIENCE")
        return self

    @model_validator(mode="after")
    def _engine_is_where_it_computes(self) -> Settings:
        elsewhere = [
            f"LAKEHOUSE_{name.upper()}={value}"
            for name, value in (
                ("spark_remote", self.spark_remote),
                ("spark_master", self.spark_master),
            )
            if value and not value.startswith("local")
        ]
        if self.engine == "duckdb" and elsewhere:
            raise ValueError(
                f"DuckDB computes in this process, not on {' and '.join(elsewhere)}; "
                "unset that, or choose LAKEHOUSE_ENGINE=spark"
            )
        return self

    @property
    def is_remote(self) -> bool:
        """Whether the root is an object store."""
        return "://" in self.root and not self.root.startswith("file://")

    @property
    def root_uri(self) -> str:
        """The root as an absolute path or URI, without a trailing slash."""
        return _absolute(self.root)

    @property
    def raw_uri(self) -> str:
        """The landing folder as an absolute path or URI."""
        return _absolute(self.raw or f"{self.root_uri}/raw")

    @property
    def sources_uri(self) -> str:
        """The file of mappings as an absolute path or URI."""
        beside = self.raw_uri.rpartition("/")[0]
        return _absolute(self.sources or f"{beside}/sources.toml")

    @property
    def reference_uri(self) -> str:
        """The folder of policies as an absolute path or URI."""
        return _absolute(self.reference)

    def table_uri(self, name: str) -> str:
        """Where the table `<layer>.<noun>` is stored."""
        return f"{self.root_uri}/{name.replace('.', '/', 1)}"


def _absolute(location: str) -> str:
    if "://" in location:
        return location.removeprefix("file://").rstrip("/")
    return str(Path(location).expanduser().resolve())


def load_settings(**overrides: object) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: A value is not legal; names the variable.
    """
    try:
        chosen = Settings(_env_file=".env", **overrides)  # type: ignore[arg-type]  # pydantic validates
        files = (CONF_DIR / f"{chosen.env}.env", ".env")
        return Settings(_env_file=files, **overrides)  # type: ignore[arg-type]  # same
    except ValidationError as error:
        problems = [
            _problem(str(e["loc"][0]), e["input"], e["msg"])
            if e["loc"]
            else _told(e["msg"])  # of several settings
            for e in error.errors()
        ]
        raise ConfigError(f"wrong setting: {'; '.join(problems)}", problems=problems) from error


def _problem(name: str, value: object, message: str) -> str:
    field = Settings.model_fields.get(name)
    shown = "***" if field and field.annotation is SecretStr else repr(value)
    return f"LAKEHOUSE_{name.upper()}={shown}: {_told(message)}"


def _told(message: str) -> str:
    return message.removeprefix("Value error, ")


@lru_cache(maxsize=1)
def current_settings() -> Settings:
    """The settings of this process."""
    return load_settings()
