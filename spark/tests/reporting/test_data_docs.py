from __future__ import annotations

import pytest

from lakehouse.catalog.registry import registry
from lakehouse.reporting.data_docs import write_data_docs
from lakehouse.reporting.offline import without_network

from .pages import fetches_nothing, read

# Importing Great Expectations warns about a module of the standard library that it uses.
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")


@pytest.fixture
def site(lake):
    lake.checked("silver.user_dim", "input")
    lake.checked(
        "silver.user_dim",
        "output",
        {"check_name": "not_empty", "passed": False, "value": 0.0},
        {"check_name": "unique_user_id", "missing": True},
    )
    return write_data_docs(lake.settings, registry()).parent


def test_the_site_holds_every_suite_and_the_latest_results(lake, site):
    folder = site
    index = read((folder / "index.html").read_text("utf-8"))

    for entry in registry().entries.values():
        table = entry.table
        for gate, checks in (("input", table.requires), ("output", table.ensures)):
            page = folder / "expectations" / table.layer / table.noun / f"{gate}.html"
            assert page.is_file() == bool(checks)
            if checks:
                text = read(page.read_text("utf-8")).text
                assert all(check.name in text for check in checks)
                assert f"{table.name} {gate}" in index.text
                assert page.relative_to(folder).as_posix() in index.references
    assert all((folder / ref).is_file() for ref in index.references if ref != "data:,")

    _it_shows_what_was_measured(folder)
    _it_needs_no_network(folder)
    _a_second_site_replaces_the_first(lake, folder)


def _it_shows_what_was_measured(folder):
    index = read((folder / "index.html").read_text("utf-8"))
    assert "silver.user_dim input ✓ 2 of 2" in index.text
    assert "silver.user_dim output ✗ 1 of 3" in index.text
    assert "gold.feature_conversion_impact output never ran" in index.text
    (page,) = (folder / "validations/silver/user_dim/output").rglob("*.html")
    text = read(page.read_text("utf-8")).text
    assert "Status: Failed" in text
    assert "the table has at least one row. (accepted: at least 1; stops the run) 0" in text
    assert "unique_user_id" in text  # without a result it has not passed
    assert "Unsuccessful Expectations 2" in text


def _it_needs_no_network(folder):
    pages = list(folder.rglob("*.html"))
    for page in pages:
        html = page.read_text("utf-8")
        assert fetches_nothing(html), page
        for reference in read(html).references:
            if not reference.startswith(("#", "data:")):
                assert (page.parent / reference.partition("#")[0]).is_file(), (page, reference)


def _a_second_site_replaces_the_first(lake, folder):
    (folder / "expectations/stale.html").write_text("old")
    write_data_docs(lake.settings, registry())
    assert not (folder / "expectations/stale.html").exists()
    assert [path.name for path in folder.parent.iterdir() if "data_docs" in path.name] == [
        "data_docs"
    ]


def test_a_page_is_freed_of_everything_remote():
    html = (
        "<head><link rel=x href=\"https://a/b.css\"><script src='static/ours.js'></script>"
        '<script src="https://a/b.js"></script><style>a { background: url("https://a/b.png") }'
        '</style></head><body><script>$(document)</script><img\n src="https://a/c.png">'
        "<footer>news</footer><p>kept</p></body>"
    )

    out = without_network(html, "../")

    assert fetches_nothing(out)
    assert "$(document)" not in out
    assert '<link rel="stylesheet" href="../static/data_docs.css">' in out
    assert "static/ours.js" in out
    assert "<p>kept</p>" in out
