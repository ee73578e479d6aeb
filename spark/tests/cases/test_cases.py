"""Small files shaped after what people reported of other tools; the right values are by hand."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from lakehouse.landing import reader
from lakehouse.landing.files import Look, deliveries
from lakehouse.tables.bronze import user_interactions

CASES = Path(__file__).parent
SOURCE = user_interactions.SOURCE
MINUTE = datetime(2026, 1, 5, 10, tzinfo=UTC)


def records(raw: Path, day: date | None = None):
    """What is read of a landing folder, by file."""
    found = deliveries(str(raw), Look(SOURCE, "code", 10_000), {}, day).new
    rows: dict[str, list[dict]] = {Path(each.path).name: [] for each in found}
    for batch in reader.read(reader.parts_of(found), SOURCE, max_record_bytes=10_000):
        for row in batch.to_pylist():
            rows[Path(row["_source_file"]).name].append(row)
    return rows


def of(case: str):
    (rows,) = records(CASES / case / "raw").values()
    return rows


def values(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def test_line_breaks_in_quotes_are_part_of_their_value():
    rows = of("c01_newline")
    assert values(rows, "user_id", "page_id", "app_version") == [
        ("u1", "home", "1.0"),
        ("u1", "Release notes\nsecond line", "1.0"),
        ("u2", "home", "1.0"),
        ("u2", "home", "1.0\nbeta"),
        ("u3", "home", "1.0"),
    ]


def test_blanks_before_quotes_are_no_part_of_a_value():
    assert values(of("c02_space_quote"), "user_id", "action_type", "page_id") == [
        ("u1", "VIEW", "home, start"),
        ("u1", "EDIT", "home"),
        ("u1", "EDIT", "home"),
        ("u2", "VIEW", "home"),
    ]


def test_backslashes_before_quotes_are_taken_for_what_their_writer_meant():
    assert [row["page_id"] for row in of("c03_backslash")] == [
        'say "hi"',
        'say "hi", friend',
        '{"a":1,"b":2}',
        "C:\\",
        "home",
    ]


def test_markers_of_no_value_are_none():
    rows = of("c04_null_markers")
    good = [row for row in rows if not row["_reasons"]]
    assert values(good, "user_id", "page_id", "duration_ms") == [
        ("u1", "home", 100),
        ("u1", None, None),
        ("u1", None, None),
        ("u2", "home", None),
        ("u2", "home", None),
    ]
    assert [row["_reasons"] for row in rows if row["_reasons"]] == [["missing:user_id"]] * 3


AMBIGUOUS = {"bst", "est", "edt", "ist", "pst", "cst", "ast", "cest", "pm"}
NO_MOMENTS = {"leap", "dateonlyT", "slash", "basic", "epoch_ms"}
BEFORE_ALL = {"epoch0"}


def test_a_moment_is_right_or_rejected():
    rows = {row["user_id"]: row for row in of("c05_timestamps")}
    rejected = {user for user, row in rows.items() if row["_reasons"]}
    assert rejected == AMBIGUOUS | NO_MOMENTS | BEFORE_ALL
    assert rows["epoch0"]["_reasons"] == ["out_of_range:timestamp"]
    ten = datetime(2026, 7, 5, 10, tzinfo=UTC)
    others = {"h24": datetime(2026, 7, 5, tzinfo=UTC)}
    for user in rows.keys() - rejected:
        found = rows[user]["timestamp"].replace(microsecond=0)
        assert found == others.get(user, ten), user


def test_json_and_csv_in_many_forms_are_read_whole():
    rows = records(CASES / "c10_formats/raw")
    assert {name: len(found) for name, found in rows.items()} == {
        "arraylines.jsonl": 4,
        "concat.json": 3,
        "cp1252_header.csv": 1,
        "envelope.json": 2,
        "floatdur.jsonl": 1,
        "good.csv": 200,
        "mongo.jsonl": 1,
        "multiarray.json": 4,
        "pretty.json": 2,
        "quoted_header.csv": 2,
        "trailing_rows.csv": 2,
    }
    assert not [row for found in rows.values() for row in found if row["_reasons"]]
    assert rows["floatdur.jsonl"][0]["duration_ms"] == 812
    assert rows["mongo.jsonl"][0]["timestamp"] == MINUTE


@pytest.mark.parametrize("case", ["c11_bracket", "c12_trailing_comma"])
def test_an_array_is_read_whatever_its_ending_says(case):
    assert values(of(case), "user_id", "_reasons") == [("u1", []), ("u2", [])]


def test_nan_is_no_value():
    rows = records(CASES / "c13_nan/raw")["user_interactions.jsonl"]
    assert values(rows, "user_id", "duration_ms", "_reasons") == [
        (None, None, ["missing:user_id"]),
        (None, None, ["missing:user_id"]),
        ("u1", None, []),
    ]


def test_a_character_that_no_database_holds_is_rejected():
    assert values(of("c22_nul"), "user_id", "_reasons") == [
        ("u1", []),
        ("u2", []),
        ("u1", ["nul_character"]),
    ]


@pytest.mark.parametrize(
    "name", ["events_2026-01-05T10:00:00.csv", "a[1].csv", "b{2}*?.csv", "ü%20.csv"]
)
def test_a_name_is_only_a_name(tmp_path, name):
    folder = tmp_path / "user_interactions"
    folder.mkdir()
    (folder / name).write_text("user_id,timestamp\nu1,2026-01-05 10:00:00\n")
    assert values(records(tmp_path)[name], "user_id", "timestamp") == [("u1", MINUTE)]


def test_a_header_may_be_in_any_case():
    (row,) = of("c28f_optcase")
    assert (row["action_type"], row["page_id"], row["duration_ms"]) == ("VIEW", "home", 100)
    assert (row["app_version"], row["_extra"]) == ("1.0", None)


@pytest.mark.parametrize(("case", "n"), [("c28i_uppergz", 1), ("c28l_blank", 2)])
def test_endings_in_upper_case_and_blank_first_lines_are_read(case, n):
    assert values(of(case), "_reasons") == [([],)] * n


def test_copies_that_differ_in_what_nobody_declared_are_one_record():
    first, second = records(CASES / "c30_received/raw")["user_interactions.csv"]
    assert first["_row_id"] == second["_row_id"]


def test_a_day_selects_the_files_of_its_day():
    raw = CASES / "c51_days/raw"
    found = deliveries(str(raw), Look(SOURCE, "code", 10_000), {}, date(2026, 1, 5))
    assert [each.path for each in found.new] == ["user_interactions/2026-01-05/e.csv"]
    assert len(found.waiting) == 2


@pytest.mark.spark
@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("c25_pathdates", {"dash": 8, "slash": 6, "hive": 7, "under": 9}),
        ("c25b_batchno", {"u1": 7}),
    ],
)
def test_a_state_takes_effect_on_the_day_in_the_path_of_its_file(lake, case, changes):
    shutil.copytree(CASES / case / "raw", lake.raw, dirs_exist_ok=True)
    lake.run("+silver.user_profiles")
    became_pro = {
        row["user_id"]: row["effective_from"].date()
        for row in lake.rows("silver.user_profiles")
        if row["subscription_type"] == "pro"
    }
    assert became_pro == {user: date(2026, 1, day) for user, day in changes.items()}


@pytest.mark.spark
def test_one_action_delivered_twice_is_a_bounce(lake):
    shutil.copytree(CASES / "c30_received/raw", lake.raw, dirs_exist_ok=True)
    lake.run("+silver.sessions")
    assert [(row["n_actions"], row["is_bounce"]) for row in lake.rows("silver.sessions")] == [
        (1, True)
    ]


@pytest.mark.spark
def test_a_number_too_large_to_add_up_stops_no_table(lake):
    shutil.copytree(CASES / "c41_overflow/raw", lake.raw, dirs_exist_ok=True)
    outcomes = lake.run("+silver.user_days", "+silver.sessions")
    account = outcomes["bronze.user_interactions"].account
    assert account.rows_quarantined == 1
    assert account.rows_loaded == account.rows_in - 1 > 0


EXPORTS = "".join(
    f'[[mapping]]\nfiles = "**/{preset}.*"\nsource = "user_interactions"\npreset = "{preset}"\n'
    for preset in ("amplitude", "ga4", "mixpanel", "segment")
)


@pytest.mark.spark
def test_exports_of_other_tools_land_by_their_presets_and_anonymous_visitors_count(lake):
    shutil.copytree(CASES / "c29_exports/raw", lake.raw, dirs_exist_ok=True)
    (lake.raw.parent / "sources.toml").write_text(EXPORTS)
    account = lake.run("bronze.user_interactions")["bronze.user_interactions"].account
    assert (account.rows_in, account.rows_loaded) == (7, 7)
    found = lake.rows("bronze.user_interactions")
    names = ("user_id", "timestamp", "action_type", "page_id", "interaction_id")
    assert sorted(values(found, *names)) == [
        ("1.2", MINUTE, "page_view", "/", None),
        ("a1", MINUTE.replace(second=1, microsecond=123_000), "open", None, "2"),
        ("d1", MINUTE.replace(microsecond=123_000), "open", None, "1"),
        ("m0", MINUTE, "Opened", "/home", "x0"),
        ("m1", MINUTE.replace(second=1), "Opened", "/home", "x1"),
        ("m2", MINUTE.replace(second=2), "Opened", "/home", "x2"),
        ("s1", MINUTE, "open", None, "1"),
    ]


@pytest.mark.spark
def test_a_changed_mapping_reads_its_files_again_and_every_record_has_a_fate(lake):
    lake.land("web/a.jsonl", ['{"u": "a", "at": 1767607200}', '{"u": "b", "at": 1767607201}', "?"])
    head = '[[mapping]]\nfiles = "web/*"\nsource = "user_interactions"\n'
    fields = '[mapping.fields]\nuser_id = "u"\ntimestamp = { from = "at", unit = "s" }\n'
    said = lake.raw.parent / "sources.toml"

    def run(text):
        said.write_text(text)
        account = lake.run("bronze.user_interactions")["bronze.user_interactions"].account
        users = [row["user_id"] for row in lake.rows("bronze.user_interactions", "user_id")]
        fates = account.rows_in, account.rows_loaded, account.rows_quarantined
        return sorted(users), (*fates, account.rows_left_out)

    assert run(head + fields) == (["a", "b"], (3, 2, 1, 0))
    assert run(head + fields) == (["a", "b"], (0, 0, 0, 0)), "nothing is new"
    assert run(f'{head}drop = {{ u = "a" }}\n{fields}') == (["b"], (3, 1, 1, 1))
    (lake.raw / "user_metadata.csv").write_text("user_id,join_date\nb,2026-01-01\n")
    lake.land("user_interactions.csv", ["user_id,timestamp", "c,2026-01-05 10:00:00"])
    assert run(
        head.replace("user_interactions", "user_metadata")
        + '[mapping.fields]\nuser_id = "u"\njoin_date = { constant = "2026-01-01" }\n'
    )[0] == ["c"]
    (lake.raw / "web/a.jsonl").unlink()
    assert run("")[0] == ["c"]
