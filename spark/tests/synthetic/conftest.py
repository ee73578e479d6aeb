"""Landing folders generated once, and duckdb tables that read them without our code."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from lakehouse.synthetic import Arguments, generate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

SCRIPT = Path(__file__).parents[3] / "scripts" / "generate_synthetic_data.py"
SINGLE = Arguments(users=8_000, events=60_000, interactions=90_000, web_events=2_000, dirty=0.02)
DAILY = Arguments(users=500, events=6_000, days=30, dirty=0.05, seed=7, daily=True)
COLUMNS = {
    "feature_releases": (
        *("feature_id", "feature_name", "release_date", "version"),
        *("is_enabled", "is_deleted"),
    ),
    "user_signups": ("user_id", "email", "signup_date", "company_size", "industry"),
    "feature_usage_events": (
        *("event_id", "user_id", "feature_id", "feature_name"),
        *("event_type", "event_timestamp"),
    ),
    "conversions": (
        *("user_id", "conversion_date", "plan", "mrr"),
        *("signup_date", "days_to_convert", "used_real_time_collab"),
    ),
    "user_interactions": (
        *("interaction_id", "user_id", "timestamp", "action_type"),
        *("page_id", "duration_ms", "app_version"),
    ),
    "user_metadata": (
        *("user_id", "join_date", "country", "device_type"),
        *("subscription_type", "updated_at"),
    ),
    "currency_rates": ("currency", "rate_date", "rate"),
}
CSV = ("user_interactions", "user_metadata", "currency_rates")


class Landing:
    """A generated folder in duckdb.

    `<source>_lines` has every line that is a row, with the name of its file; `<source>` has the
    distinct rows that are whole. A spoilt copy is known by its key: none, or `bad_…`.
    """

    def __init__(self, folder: Path, truth: dict[str, Any]) -> None:
        self.folder, self.truth = folder, truth
        self.sql = duckdb.connect()
        for source in COLUMNS:
            self._load(source)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.sql.execute(query).fetchall()

    def row(self, query: str) -> tuple[Any, ...]:
        (row,) = self.rows(query)
        return row

    def counts(self, source: str) -> dict[str, Any]:
        (domain,) = (each for each in self.truth.values() if source in each["sources"])
        return domain["sources"][source]

    def _load(self, source: str) -> None:
        columns = COLUMNS[source]
        files = [*self.folder.glob(f"{source}.*"), *self.folder.glob(f"{source}/*")]
        header = ",".join(columns)
        self.sql.execute(
            f"""
            create table {source}_lines as
            select rtrim(line, ',') as line, parse_filename(filename, true) as file
            from (select unnest(string_split(content, chr(10))) as line, filename
                  from read_text({[str(file) for file in files]}))
            where line not in ('', '[', ']', '{header}')
            """
        )
        if source in CSV:
            is_row = f"len(string_split(line, ',')) = {len(columns)}"
            cells = [f"string_split(line, ',')[{i}]" for i in range(1, len(columns) + 1)]
        else:
            is_row = "json_valid(line)"
            cells = [f"json_extract_string(line, '$.{name}')" for name in columns]
        named = ", ".join(f"{cell} as {name}" for cell, name in zip(cells, columns, strict=True))
        self.sql.execute(
            f"""
            create table {source} as
            select distinct {named} from (select * from {source}_lines where {is_row})
            where coalesce({cells[0]}, '') <> '' and {cells[0]} not like 'bad_%'
            """
        )


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landing]:
    out = tmp_path_factory.mktemp("single")
    landing = Landing(out, generate(SINGLE, out).truth)
    yield landing
    landing.sql.close()


@pytest.fixture(scope="session")
def daily(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landing]:
    out = tmp_path_factory.mktemp("daily")
    landing = Landing(out, generate(DAILY, out).truth)
    yield landing
    landing.sql.close()


@pytest.fixture(scope="session")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_synthetic_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
