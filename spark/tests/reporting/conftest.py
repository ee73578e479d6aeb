"""A small lake written without an engine: Delta tables by delta-rs, states by the state store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse.catalog.registry import registry
from lakehouse.io import ops
from lakehouse.io.state import Account, State, StateStore
from lakehouse.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 22, 12, 0, tzinfo=UTC)
CHECKED_AT = datetime(2026, 1, 21, 9, 30, tzinfo=UTC)
AS_OF = "2026-01-21"
FOREVER = date(9999, 12, 31)
ODD_NAME = 'Boards & <script>alert("x")</script>'


@dataclass
class SmallLake:
    """A lake to publish rows in."""

    settings: Settings

    def publish(self, table: str, rows: list[dict[str, Any]], **state: Any) -> None:
        """Write a version and publish it; then one more that is not published."""
        data = pa.Table.from_pylist(rows)
        uri = self.settings.table_uri(table)
        write_deltalake(uri, data, mode="overwrite")
        account = state.pop("account", Account(rows_in=len(rows), rows_loaded=len(rows)))
        version = int(ops.DeltaTable(uri).version())
        StateStore(self.settings).publish(
            State(
                table=table,
                version=version,
                head=version,
                run_id="r1",
                token=1,
                rows=len(rows),
                account=account,
                **state,
            )
        )
        write_deltalake(uri, data, mode="append")

    def checked(self, table: str, gate: str, *outcomes: dict[str, Any]) -> None:
        """Record results of a gate, one for each of its checks; `outcomes` replace some."""
        entry = registry()[table]
        replaced = {row["check_name"]: row for row in outcomes}
        checks = entry.table.requires if gate == "input" else entry.table.ensures
        rows = [
            {
                "run_id": "r1",
                "table_name": table,
                "gate": gate,
                "version": 0,
                "check_name": check.name,
                "sentence": check.sentence,
                "severity": check.severity,
                "minimum": check.minimum,
                "maximum": check.maximum,
                "value": 3.0,
                "passed": True,
                "samples": [],
                "checked_at": CHECKED_AT,
                **replaced.get(check.name, {}),
            }
            for check in checks
            if not replaced.get(check.name, {}).get("missing")
        ]
        names = ops.SCHEMAS["quality_results"].names
        ops.append(
            self.settings, "quality_results", [{name: row[name] for name in names} for row in rows]
        )

    def ran(self, table: str, outcome: str) -> None:
        """Record a run."""
        ops.append(
            self.settings,
            "runs",
            [{"run_id": "r1", "table_name": table, "outcome": outcome, "started_at": CHECKED_AT}],
        )

    def reject(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Fill a quarantine."""
        uri = self.settings.table_uri(f"quarantine.{table.partition('.')[2]}")
        write_deltalake(uri, pa.Table.from_pylist(rows), mode="overwrite")


@pytest.fixture
def empty(tmp_path: Path) -> SmallLake:
    """Nothing was ever run."""
    return SmallLake(load_settings(root=str(tmp_path / "lake")))


@pytest.fixture
def lake(empty: SmallLake) -> SmallLake:
    """Four users, two of whom converted; two features; three weeks."""
    empty.publish(
        "silver.user_dim",
        [
            {"user_id": "a", "signup_date": date(2026, 1, 5), "current_plan": "pro"},
            {"user_id": "b", "signup_date": date(2026, 1, 6), "current_plan": "starter"},
            {"user_id": "c", "signup_date": date(2026, 1, 13), "current_plan": "free"},
            {"user_id": "d", "signup_date": date(2026, 1, 20), "current_plan": "free"},
        ],
    )
    empty.publish(
        "bronze.conversions",
        [
            _conversion("a", date(2026, 1, 12), "10.00"),
            _conversion("a", date(2026, 1, 19), "1000.50"),
            _conversion("b", date(2026, 1, 14), "200.25"),
            _conversion("b", date(2026, 1, 14), "100.00"),
        ],
    )
    empty.publish(
        "bronze.feature_usage_events",
        [
            _event("e1", "boards", datetime(2026, 1, 7, 8, tzinfo=UTC)),
            _event("e2", "boards", datetime(2026, 1, 14, 8, tzinfo=UTC)),
            _event("e2", "boards", datetime(2026, 1, 14, 8, tzinfo=UTC)),
            _event("e3", "real_time_collab", datetime(2026, 1, 21, 8, tzinfo=UTC)),
        ],
        account=Account(
            rows_in=9, rows_loaded=4, rows_quarantined=3, rows_deduplicated=1, rows_too_late=1
        ),
    )
    empty.publish(
        "silver.feature_states",
        [
            _feature_state("boards", ODD_NAME, "1.0", date(2025, 11, 1), date(2025, 12, 1)),
            _feature_state("boards", ODD_NAME, "1.1", date(2025, 12, 15), FOREVER, enabled=False),
            _feature_state("real_time_collab", "Collaboration", "2.0", date(2026, 1, 2), FOREVER),
        ],
    )
    empty.publish(
        "gold.feature_conversion_impact",
        [
            _cohort("boards", ODD_NAME, "used_before_conversion", 1, 0),
            _cohort("boards", ODD_NAME, "available_not_used", 3, 2),
            _cohort("real_time_collab", "Collaboration", "used_before_conversion", 2, 1),
            _cohort("real_time_collab", "Collaboration", "available_not_used", 1, 0),
            _cohort("real_time_collab", "Collaboration", "not_available", 1, 1),
        ],
        as_of=AS_OF,
    )
    return empty


def lift_row(feature: str, name: str, verdict: str, **values: Any) -> dict[str, Any]:
    """A row of gold.feature_conversion_lift."""
    return {
        "feature_id": feature,
        "feature_name": name,
        "as_of_date": date(2026, 1, 21),
        "n_used": 120,
        "n_not_used": 240,
        "used_rate": 0.2,
        "not_used_rate": 0.1,
        "landmark_lift": 0.1,
        "landmark_lift_low": 0.02,
        "landmark_lift_high": 0.18,
        "adjusted_lift": 0.08,
        "adjusted_lift_low": 0.01,
        "adjusted_lift_high": 0.15,
        "rate_ratio": 1.8,
        "rate_ratio_low": 1.2,
        "rate_ratio_high": 2.7,
        "verdict": verdict,
        **values,
    }


def _conversion(user: str, day: date, mrr: str) -> dict[str, Any]:
    return {"user_id": user, "conversion_date": day, "mrr": Decimal(mrr)}


def _event(identity: str, feature: str, at: datetime) -> dict[str, Any]:
    return {
        "event_id": identity,
        "feature_id": feature,
        "event_timestamp": at,
        "event_date": at.date(),
    }


def _feature_state(  # one line a row above
    feature: str, name: str, version: str, start: date, end: date, *, enabled: bool = True
) -> dict[str, Any]:
    return {
        "feature_id": feature,
        "feature_name": name,
        "version": version,
        "is_enabled": enabled,
        "effective_from": start,
        "effective_to": end,
        "is_current": end == FOREVER,
    }


def _cohort(feature: str, name: str, cohort: str, total: int, converted: int) -> dict[str, Any]:
    return {
        "feature_id": feature,
        "feature_name": name,
        "cohort": cohort,
        "total_users": total,
        "converted_users": converted,
        "conversion_rate": converted / total,
        "avg_days_to_convert": 7.5 if converted else None,
        "avg_mrr": 105.0 if converted else None,
    }
