"""The driver's memory where nobody says it: a share of the machine, within what a JVM can use."""

from __future__ import annotations

import pytest

from lakehouse.engines.spark import memory
from lakehouse.settings import load_settings

GIB = 1 << 30


@pytest.mark.parametrize(
    ("machine", "mib"),
    [(10 * GIB, 4096), (1 * GIB, 1024), (512 * GIB, 31 * 1024)],
    ids=["a share", "never less", "never more"],
)
def test_the_share_of_a_machine(machine, mib):
    assert memory.driver_mib(machine) == mib


def test_what_is_said_wins():
    assert memory.driver_memory(load_settings(driver_memory="1500m")) == "1500m"


@pytest.mark.parametrize(("limit", "mib"), [(f"{5 * GIB}\n", 2048), ("max\n", None)])
def test_a_container_is_a_machine_of_its_own(tmp_path, monkeypatch, limit, mib):
    told = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CONTAINER_LIMIT", tmp_path / "nothing")
    whole = memory.driver_memory(load_settings())
    monkeypatch.setattr(memory, "CONTAINER_LIMIT", told)
    told.write_text(limit)
    expected = f"{mib}m" if mib and mib < int(whole[:-1]) else whole
    assert memory.driver_memory(load_settings()) == expected


@pytest.mark.parametrize(
    ("said", "bytes_"),
    [
        ({"driver_memory": "3g"}, 6 * GIB),
        ({"driver_memory": "512M"}, 3.5 * GIB),
        ({"driver_memory": "3g", "engine_memory_gib": 2.5}, 2.5 * GIB),
    ],
    ids=["gibibytes", "mebibytes", "said"],
)
def test_the_shared_engine_may_grow_beyond_its_heap(said, bytes_):
    assert memory.engine_limit(load_settings(**said)) == bytes_
