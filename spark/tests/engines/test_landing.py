"""What an engine makes of landing files: each record once, and errors as what they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from readers import landed

from conftest import engine_of
from lakehouse.errors import InputQualityError
from lakehouse.landing import reader
from lakehouse.spec import INT, Field, Source

pytestmark = pytest.mark.spark
SOURCE = Source(name="things", doc="Things.", fields=(Field("id", required=True), Field("n", INT)))


def parts(folder, *texts):
    paths = [folder / f"{number}.csv" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(f"id,n\n{text}")
    return reader.parts_of([landed(path, SOURCE) for path in paths])


def test_every_record_of_every_file_is_read_once(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(reader.shared, "__defaults__", (10,))  # a task for each file
    found = engine_of("bronze.x", spark).landed(
        parts(tmp_path, "a,1\nb,2\n", "c,3\n", "", "d,many\n"), SOURCE, 1000
    )
    rows = sorted((row["id"], row["n"], row["_reasons"]) for row in found.collect())
    assert rows[:3] == [("a", 1, []), ("b", 2, []), ("c", 3, [])]
    assert rows[3:] == [("d", None, ["not_a_whole_number:n"])]


def test_a_file_that_changed_meanwhile_stops_the_run_as_an_input_error(spark, tmp_path):
    (part,) = parts(tmp_path, "a,1\n")
    engine = engine_of("bronze.x", spark)

    def count():
        records = engine.landed([replace(part, records=2)], SOURCE, 1000)
        with engine.kept_meanwhile(records) as kept:
            return kept.count()

    with pytest.raises(InputQualityError, match=r"0\.csv changed while it was read"):
        count()


def test_rejects_judged_again_are_told_apart(spark):
    held = spark.createDataFrame(
        [("gone.csv", n, b"a,1", "csv", "id,n") for n in range(8)],
        "source_file string, source_line bigint, raw binary, layout string, header string",
    )
    found = engine_of("bronze.x", spark).rejudged(held, SOURCE, 1000).collect()
    assert {row["id"] for row in found} == {"a"}
    assert len({row["_place"] for row in found}) == 8
