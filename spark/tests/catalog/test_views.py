"""What `lakehouse show` answers, on a table written by hand."""

from __future__ import annotations

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakehouse.catalog import views
from lakehouse.catalog.registry import registry
from lakehouse.errors import ConfigError, UpstreamMissingError
from lakehouse.io.state import State, StateStore
from lakehouse.settings import load_settings

TABLE = registry()["gold.device_performance"].table


@pytest.fixture
def settings(tmp_path):
    """A lake of one table: three devices, n = 1, 2, 3."""
    found = load_settings(root=str(tmp_path))
    types = {"string": pa.string(), "bigint": pa.int64(), "double": pa.float64()}
    columns = {
        column.name: pa.array([None] * 3, types[column.type]) for column in TABLE.columns
    } | {"device_type": pa.array(["b", "a", "c's"]), "n": pa.array([1, 2, 3], pa.int64())}
    write_deltalake(found.table_uri(TABLE.name), pa.table(columns))
    StateStore(found).publish(State(table=TABLE.name, version=0, head=0, run_id="r", token=1))
    return found


def shown(settings, **wanted):
    return views.peek(TABLE, settings, views.Wanted(**wanted))


def test_without_wishes_the_key_stands_first_and_orders(settings):
    rows = shown(settings)
    assert next(iter(rows[0])) == "device_type"
    assert set(rows[0]) == set(TABLE.column_names)
    assert [row["device_type"] for row in rows] == ["a", "b", "c's"]


def test_columns_rows_and_order_are_chosen(settings):
    wanted = {"columns": ("n", "device_type"), "where": "`n` > 1", "order": "n DESC"}
    rows = shown(settings, **wanted)
    assert [list(row.items()) for row in rows] == [
        [("n", 3), ("device_type", "c's")],
        [("n", 2), ("device_type", "a")],
    ]
    assert shown(settings, n=1, **wanted) == rows[:1]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"columns": ("n", "device_typ")}, "Did you mean device_type"),
        ({"where": "nope > 1"}, "nope"),
        ({"where": "n >"}, "--where"),
        ({"order": "n SIDEWAYS"}, "--order"),
        ({"version": 7}, "versions 0 to 0, not 7"),
    ],
    ids=["column", "where", "half a where", "order", "version"],
)
def test_what_cannot_be_answered_is_told(settings, wanted, says):
    with pytest.raises(ConfigError, match=says):
        shown(settings, **wanted)


def test_a_table_stored_before_a_column_was_declared_is_shown_as_it_is(settings):
    uri = settings.table_uri(TABLE.name)
    rows = pa.table({"n": [1], "device_type": ["a"]})
    write_deltalake(uri, rows, mode="overwrite", schema_mode="overwrite")
    assert [list(row.items()) for row in shown(settings, version=1)] == [
        [("device_type", "a"), ("n", 1)]
    ]
    with pytest.raises(ConfigError, match="spearman"):
        shown(settings, version=1, columns=("spearman",))


def test_a_table_that_was_never_published_says_so(tmp_path):
    with pytest.raises(UpstreamMissingError, match="never published"):
        shown(load_settings(root=str(tmp_path)))
