"""Jobs carry their table and verb: seen in a real event log of the tests' engine."""

from __future__ import annotations

import threading

import pytest
from engine_log import logged

from conftest import release
from lakehouse.engines.spark import store
from lakehouse.engines.spark.engine import SparkEngine
from lakehouse.engines.spark.session import relabel, spark_conf
from lakehouse.errors import EngineError
from lakehouse.observability.event_files import find_log
from lakehouse.observability.eventlog import read_event_log
from lakehouse.settings import load_settings

DESCRIPTION = "spark.job.description"


@pytest.mark.spark
def test_a_real_run_is_attributed_to_tables_and_verbs(lake, spark, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "FEW_ROWS", -1)  # as if they were many: Spark writes them
    first = [release("search", "2026-01-01"), release("boards", "2026-01-02"), "{broken"]
    lake.land("feature_releases/1.jsonl", first)
    with logged(spark, tmp_path / "logs"):
        lake.run("+silver.feature_states")
        lake.land("feature_releases/2.jsonl", [release("search", "2026-01-05", "2.0")])
        lake.run("+silver.feature_states")
    log, others = find_log(tmp_path / "logs")
    run = read_event_log(log)
    assert others == []
    assert not run.is_finished  # the engine goes on
    assert run.labelled_share == 1.0
    bronze, silver = "bronze.feature_releases", "silver.feature_states"
    assert {part.name for part in run.tables} == {bronze, silver}
    assert {(stage.label.table, stage.label.verb) for stage in run.stages} >= {
        *((bronze, verb) for verb in ("ingest", "write", "quarantine", "check output")),
        *((silver, verb) for verb in ("find scope", "derive", "write", "check output")),
    }
    written = {
        table: sum(
            stage.load.output_records
            for stage in run.stages
            if (stage.label.table, stage.label.verb) == (table, "write")
        )
        for table in (bronze, silver)
    }
    assert written[bronze] == 2 + 1  # rows of the first file, of the second
    assert (
        written[silver] >= 2 + 2
    )  # two states; one closed, one opened (MERGE adds a feed of both)
    assert run.whole.load.failed_tasks == 0


@pytest.mark.spark
def test_labels_nest_and_go_away(spark):
    def label():
        return spark.sparkContext.getLocalProperty(DESCRIPTION)

    engine = SparkEngine("silver.x", lambda: spark)
    with engine.doing("derive"):
        assert label() is None  # nothing was started for a label's sake
        assert engine.spark is spark
        assert label() == "silver.x: derive"
        with engine.doing("write"):
            assert label() == "silver.x: write"
            elsewhere = []
            other = threading.Thread(target=lambda: elsewhere.append(label()))
            other.start()
            other.join()
            assert elsewhere == [None]
        assert label() == "silver.x: derive"
        with pytest.raises(EngineError), engine.doing("write"):
            raise EngineError("gone")
        assert label() == "silver.x: derive"
    assert label() is None


def test_over_connect_a_label_is_a_tag():
    class Session:
        tags: set[str] = set()  # noqa: RUF012  # one session

        def addTag(self, tag):  # noqa: N802  # Spark's name
            self.tags.add(tag)

        def removeTag(self, tag):  # noqa: N802  # same
            self.tags.remove(tag)

    Session.__module__ = "pyspark.sql.connect.session"
    session = Session()
    relabel(session, None, "silver.x: derive")
    relabel(session, "silver.x: derive", "silver.x: write")
    assert session.tags == {"silver.x: write"}
    relabel(session, "silver.x: write", None)
    assert session.tags == set()


def test_a_word_turns_the_event_log_on(tmp_path):
    folder = tmp_path / "some logs"
    conf = spark_conf(load_settings(root=str(tmp_path), event_log=str(folder)))
    assert conf["spark.eventLog.enabled"] == "true"
    assert conf["spark.eventLog.dir"] == folder.as_uri()
    assert conf["spark.eventLog.logStageExecutorMetrics"] == "true"
    assert folder.is_dir()
    assert "spark.eventLog.enabled" not in spark_conf(load_settings(root=str(tmp_path)))


def test_an_event_log_may_stand_in_an_object_store(tmp_path):
    conf = spark_conf(load_settings(root=str(tmp_path), event_log="s3a://bucket/logs"))
    assert conf["spark.eventLog.dir"] == "s3a://bucket/logs"
