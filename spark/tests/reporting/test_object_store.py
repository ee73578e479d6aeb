"""On an object store there are no folders to swap: pages are put one by one."""

from __future__ import annotations

import pytest
from pyarrow import fs as arrow_fs

from lakehouse.io import files
from lakehouse.reporting import data_docs, page

URI = "s3a://bucket/lake"


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A store that is a folder behind the scenes."""
    store = arrow_fs.SubTreeFileSystem(str(tmp_path / "store"), arrow_fs.LocalFileSystem())
    (tmp_path / "store/bucket/lake").mkdir(parents=True)
    monkeypatch.setattr(files, "_object_store", lambda _: store)
    return tmp_path / "store/bucket/lake"


def test_a_page_is_put(bucket):
    page.write_text(f"{URI}/report.html", "<p>Ä</p>")

    assert (bucket / "report.html").read_text("utf-8") == "<p>Ä</p>"


def test_a_site_replaces_the_old_one(bucket, tmp_path):
    site = tmp_path / "site"
    (site / "static").mkdir(parents=True)
    (site / "index.html").write_text("new")
    (site / "static/a.css").write_text("a")
    old = bucket / "ops/data_docs"
    old.mkdir(parents=True)
    (old / "stale.html").write_text("old")

    data_docs._put(site, f"{URI}/ops/data_docs")

    assert (old / "index.html").read_text() == "new"
    assert (old / "static/a.css").read_text() == "a"
    assert not (old / "stale.html").exists()
