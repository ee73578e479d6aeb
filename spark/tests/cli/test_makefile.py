"""Which engine make chooses, where somebody chose one and where nobody did."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[3] / "Makefile"


@pytest.mark.parametrize(
    ("around", "words", "dotenv", "engines"),
    [
        ({}, (), "", "spark duckdb"),
        ({}, ("ENGINE=spark",), "", "spark spark"),
        ({"ENGINE": "spark"}, (), "", "spark spark"),
        ({"LAKEHOUSE_ENGINE": "spark"}, (), "", "spark spark"),
        ({"LAKEHOUSE_ENGINE": "duckdb"}, (), "", "duckdb duckdb"),
        ({}, (), "LAKEHOUSE_ENGINE=spark\n", "spark spark"),
    ],
)
def test_live_figures_are_duckdbs_unless_somebody_chose(tmp_path, around, words, dotenv, engines):
    (tmp_path / ".env").write_text(dotenv)
    told = "told: ; @echo $(ENGINE) $(LIVE_ENGINE)"
    done = subprocess.run(
        ["make", "--no-print-directory", "-f", str(MAKEFILE), f"--eval={told}", "told", *words],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]} | around,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{engines}\n"
