"""Documentation of a table's DAG, from the manifest."""

from __future__ import annotations

from typing import Any


def dag_doc(table: dict[str, Any]) -> str:
    """Markdown of a table's entry in the manifest: grain, columns, checks, how to repair."""
    name = table["name"]
    grain = ", ".join(f"`{column}`" for column in table["grain"])
    inputs = ", ".join(f"`{each['name']}`" for each in table["inputs"])
    downstream = ", ".join(f"`{each}`" for each in table["downstream"]) or "no table"
    return "\n".join(
        [
            f"# {name}",
            table["doc"],
            "",
            f"**Grain** {grain} · **Write** {table['write']} · **Owner** {table['owner']}",
            "",
            f"**Reads** {inputs} · **Read by** {downstream}",
            "",
            "## Columns",
            *_grid(
                ("column", "type", "null", "meaning"),
                [
                    (
                        f"`{c['name']}`",
                        c["type"],
                        "yes" if c["nullable"] else "no",
                        c["doc"] + (" Personal data." if c["pii"] else ""),
                    )
                    for c in table["columns"]
                ],
            ),
            "",
            "## Gates",
            *_grid(
                ("gate", "severity", "check"),
                [("input", c["severity"], c["sentence"]) for c in table["requires"]]
                + [("output", c["severity"], c["sentence"]) for c in table["ensures"]],
            ),
            "",
            "## Repair",
            "1. Open the log of the failed task: it shows the check, rows and the next command.",
            f"2. Fix the cause, then clear the run, or trigger `{table['dag_id']}` for the day.",
            "3. Readers see the last published version until then.",
            "",
            "See also `spark/docs/runbooks/repair-one-table.md`.",
        ]
    )


def _grid(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [header, ("---",) * len(header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines]
