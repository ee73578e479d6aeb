"""The `lakehouse dlq` commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.catalog import dead_letters
from lakehouse.catalog.registry import registry
from lakehouse.catalog.sources import sources
from lakehouse.cli import console
from lakehouse.cli.arguments import AsJson, open_lake
from lakehouse.cli.running import run_once
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from lakehouse.catalog.dead_letters import Letter
    from lakehouse.spec import Table

dlq_app = typer.Typer(help="Show records of topics that were rejected, or validate them again.")
Reason = Annotated[str, typer.Option(help="Only of this reason, e.g. missing or missing:event_id.")]
SHOWN = 2_000
"""Characters of a value that a terminal shows; --json has all of it."""
NONE, ACCEPTED = "no dead letters", "accepted"


@dlq_app.command("list")
def dlq_list(*, as_json: AsJson = False) -> None:
    """Count dead letters by the class of their reason."""
    found = (letter for table in _tables() for letter in _letters(table))
    rows = dead_letters.by_reason_class(found)
    console.print_json(rows) if as_json else console.print_rows(rows, empty=NONE)


@dlq_app.command("show")
def dlq_show(
    coordinates: Annotated[
        str, typer.Argument(help="One letter: topic/partition@offset. Default: the newest ones.")
    ] = "",
    *,
    reason: Reason = "",
    n: Annotated[int, typer.Option("-n", min=1, help="Letters to print.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print dead letters as they came: key, headers and value, with what is wrong with them."""
    found = [
        letter
        for table in _tables()
        for letter in _letters(table, reason=reason, coordinates=coordinates, n=n)
    ]
    if as_json:
        console.print_json([_row(letter) for letter in found])
    elif not found:
        empty = f"{NONE} there; `lakehouse dlq list` counts all of them"
        console.out.print(empty if coordinates or reason else NONE)
    elif coordinates:
        for letter in found:
            _print_whole(letter)
    else:
        console.print_rows([_brief(letter) for letter in found])


@dlq_app.command("replay")
def dlq_replay(
    *,
    reason: Reason = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Validate dead letters by the current rules, and load those that pass."""
    if dry_run:
        rows = [row for table in _tables() for row in _rehearsed(table, reason)]
        console.print_json(rows) if as_json else console.print_rows(rows, empty=NONE)
        accepted = sum(row["n"] for row in rows if row["verdict"] == ACCEPTED)
        if not as_json:
            n = sum(row["n"] for row in rows)
            console.err.print(f"{accepted:,} of {n:,} would be accepted; nothing was done")
        return
    code = 0
    with open_lake() as lake:
        from lakehouse.engine.job import new_request  # noqa: PLC0415  # 0.5 s of pyspark

        for table in _tables():
            before = len(_letters(table))
            if not _letters(table, reason=reason, n=1):
                console.err.print(f"{table.name}: {NONE}{' of that reason' if reason else ''}")
                continue
            code = max(code, run_once(lake, [table.name], new_request(replays=reason), as_json))
            after = len(_letters(table))
            console.err.print(f"{table.name}: {before:,} dead letters before, {after:,} now")
    raise typer.Exit(code)


def _rehearsed(table: Table, reason: str) -> list[dict[str, Any]]:
    """How many letters would be accepted now, and by reason those that would not."""
    from lakehouse.landing.rehearsal import verdicts  # noqa: PLC0415  # pyarrow, only here

    settings = current_settings()
    source = sources(registry(), settings)[table.source.name if table.source else ""]
    held = [letter.held for letter in _letters(table, reason=reason)]
    found = verdicts(held, source, max_record_bytes=settings.max_line_bytes)
    return [
        {"table": table.name, "verdict": verdict or ACCEPTED, "n": n}
        for verdict, n in found.most_common()
    ]


def _tables() -> list[Table]:
    return dead_letters.tables(registry())


def _letters(table: Table, **chosen: Any) -> list[Letter]:  # noqa: ANN401  # which ones
    return dead_letters.letters(table, current_settings(), **chosen)


def _row(letter: Letter) -> dict[str, Any]:
    """A letter for programs: bytes as text, what is none of UTF-8 as its escapes."""
    return {
        "coordinates": letter.coordinates,
        "reasons": letter.reasons,
        "reason_class": letter.reason_class,
        "attempts": letter.beside.attempts,
        "sent_at": letter.sent_at,
        "dead_at": letter.dead_at,
        "run_id": letter.run_id,
        "schema_version": letter.schema_version,
        "key": _text(letter.beside.key),
        "headers": [[name, _text(value)] for name, value in letter.beside.headers],
        "value": _text(letter.value),
    }


def _brief(letter: Letter) -> dict[str, Any]:
    names = ("coordinates", "reasons", "attempts", "sent_at", "key")
    row = _row(letter)
    value = row["value"]
    cut = f"{value[:60]}…" if len(value) > 60 else value  # noqa: PLR2004  # a cell
    return {name: row[name] for name in names} | {"value": cut}


def _print_whole(letter: Letter) -> None:
    row = _row(letter)
    value, headers = row.pop("value"), row.pop("headers")
    for name, told in row.items():
        console.out.print(f"{name}: {_line(told)}", markup=False, highlight=False)
    for name, told in headers:
        console.out.print(f"header {name}: {_line(told)}", markup=False, highlight=False)
    size = len(letter.value)
    console.out.print(f"value ({size:,} byte{'s'[: size != 1]}):", highlight=False)
    console.out.print(value[:SHOWN], markup=False, highlight=False)
    if len(value) > SHOWN:
        console.out.print(f"… {len(value) - SHOWN:,} more characters; --json prints all of them")


def _line(told: object) -> str:
    if isinstance(told, tuple):
        return ", ".join(told)
    return "none" if told is None else str(told)


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode("utf-8", "backslashreplace")
