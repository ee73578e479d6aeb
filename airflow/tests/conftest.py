"""What the Airflow tests share. Airflow reads its settings at import, so they are set first."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DAGS = PROJECT / "airflow/dags"
PLUGINS = PROJECT / "airflow/plugins"

os.environ |= {
    "AIRFLOW_HOME": tempfile.mkdtemp(prefix="airflow-tests-"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
}
sys.path[:0] = [str(PLUGINS), str(DAGS)]  # as Airflow does
sys.path.append(str(PROJECT / "spark/tests"))
pytest_plugins = ["turns"]


@pytest.fixture(scope="session")
def manifest():
    return json.loads((PROJECT / "airflow/manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A running Airflow, started as by `make airflow`, with one day landed."""
    from site_under_test import FIRST, Site  # noqa: PLC0415  # it asks this module where we are

    site = Site(tmp_path_factory.mktemp("site"))
    site.land(FIRST)
    try:
        done = site.airflow_local("up")
        assert done.returncode == 0, done.stdout + done.stderr
        assert site.url in done.stdout
        yield site
    finally:
        site.close()
        site.airflow_local("down")
