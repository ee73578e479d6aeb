"""Settings that contradict each other are told before anything starts."""

from __future__ import annotations

import pytest

from lakehouse.errors import ConfigError
from lakehouse.settings import load_settings


@pytest.mark.parametrize(
    ("name", "value"), [("spark_remote", "sc://spark:15002"), ("spark_master", "k8s://host:443")]
)
def test_duckdb_is_not_asked_to_compute_on_a_cluster(name, value):
    said = rf"not on LAKEHOUSE_{name.upper()}={value}; unset that, or choose LAKEHOUSE_ENGINE=spark"
    with pytest.raises(ConfigError, match=said):
        load_settings(engine="duckdb", **{name: value})
    assert load_settings(engine="spark", **{name: value}).engine == "spark"


def test_local_threads_of_spark_are_no_cluster():
    assert load_settings(engine="duckdb", spark_master="local[2]").spark_master == "local[2]"
