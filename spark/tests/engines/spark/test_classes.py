"""The class archive: it is used where it fits, and passed over in silence where it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.engines.spark import classes
from lakehouse.engines.spark.java import java_environment

START = (
    "from lakehouse.engines.spark.session import start_session; from lakehouse.settings import *; "
)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEHOUSE_JARS_DIR", str(tmp_path))


@pytest.mark.usefixtures("empty_cache")
def test_without_an_archive_a_jvm_starts_as_ever():
    assert classes.java_options() == ""


def test_an_archive_that_does_not_fit_is_passed_over_in_silence(tmp_path):
    java = Path(java_environment()["JAVA_HOME"], "bin", "java")
    options = classes.java_options().split()

    def complaints(*chosen):
        """With another class path than the archive was made for."""
        command = [java, *chosen, "-cp", tmp_path, "-version"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return "archive" in done.stdout + done.stderr

    assert complaints(options[0]), "the control: with the archive alone Java says so"
    assert not complaints(*options)


@pytest.mark.spark
def test_set_up_made_an_archive_from_which_sessions_load_delta(tmp_path):
    assert classes.archive_path().exists(), "make setup"
    log = tmp_path / "loaded.txt"
    option = f"spark.driver.extraJavaOptions=-Xlog:class+load:file={log}"
    code = START + "start_session(load_settings(spark_master='local[1]')).range(1).collect()"
    read = f"; from pathlib import Path; assert 'DeltaSQLConf' in Path({str(log)!r}).read_text()"
    environment = os.environ | {"LAKEHOUSE_SPARK_CONF": option}
    subprocess.run([sys.executable, "-c", code + read], env=environment, check=True)
    lines = [line for line in log.read_text().splitlines() if "spark.sql.delta." in line]
    shared = sum("source: shared objects file" in line for line in lines)
    from_jar = sum("source: file:" in line for line in lines)
    assert shared > 10 * from_jar, (shared, from_jar)
