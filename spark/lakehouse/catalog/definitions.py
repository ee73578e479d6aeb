"""What a declaration gets wrong although every part of it is well formed: names that nothing has.

A check, an index, an expression or an ordering names columns in a text. Here each is looked up
where it is declared, so that a typo is an error of the definition, not of the first run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.catalog.expressions import columns_of
from lakehouse.errors import TableDefinitionError, close_to
from lakehouse.spec import DATE, Scd2
from lakehouse.spec.checks import AGE_DAYS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lakehouse.spec import Check, Source, Table
    from lakehouse.spec.table import Location

_DIRECTION = re.compile(r"\s+(asc|desc)(\s+nulls\s+(first|last))?\s*$", re.IGNORECASE)
Problem = tuple[str, str]
"""A problem in words, and the word of the file that it stands at."""


def assert_names_exist(table: Table) -> None:
    """Everything that a table's declaration names is declared.

    Raises:
        TableDefinitionError: All that is not, with file and the line of the first.
    """
    problems = list(dict.fromkeys(_problems(table)))
    if not problems:
        return
    file = table.defined_at.file
    lines = [
        (_line_of(word, table.defined_at), f"{table.name}: {problem}") for problem, word in problems
    ]
    line = lines[0][0]
    text = "; ".join(problem for problem, _ in problems)
    message = f"{table.name}: {text} ({file}:{line})"
    raise TableDefinitionError(message, file=file, line=line, lines=lines)


def _problems(table: Table) -> Iterator[Problem]:
    own = table.column_names
    yield from _day_problems(table)
    for check in table.ensures:
        yield from _check_problems(check, f"check {check.name}", table.name, own)
    inputs = {each.name: each.column_names for each in table.upstream}
    for check in table.requires:
        found = inputs.get(check.subject, ())
        yield from _check_problems(check, f"check {check.name}", check.subject, found)
        yield from _reference_problems(check, inputs)
    for role in ("unfinished", "final", "happened_on"):
        yield from _unknown(getattr(table, role), role, table.name, own)
    if isinstance(table.write, Scd2):
        for name in table.write.tracked:
            yield from _absent(name, "tracked", table.name, own)
    yield from _input_problems(table)
    if table.source:
        yield from _source_problems(table.source)


def _day_problems(table: Table) -> Iterator[Problem]:
    nullable = {column.name for column in table.columns if column.nullable}
    if table.day in nullable:
        yield f"day {table.day} is nullable, but each row needs a day", table.day
    if table.as_of:
        dates = {column.name for column in table.as_of.table.columns if column.type == DATE}
        if table.as_of.column not in dates:
            where = table.as_of.table.name
            yield f"as_of: {where} has no DATE column {table.as_of.column}", table.as_of.column


def _input_problems(table: Table) -> Iterator[Problem]:
    first = table.inputs[0]
    if table.source or first not in table.upstream:
        return
    known = table.upstream[0].column_names
    yield from _unknown(table.never_late, "never_late", first.name, known)
    if table.left_out:
        yield from _unknown(table.left_out.where, "left_out", first.name, known)
    if table.dedupe:
        for key in table.dedupe.keys:
            yield from _unknown(key, "dedupe key", first.name, known)
        yield from _unknown(table.dedupe.among, "dedupe among", first.name, known)
        for text in table.dedupe.order_by:
            yield from _unknown(_DIRECTION.sub("", text), "dedupe order", first.name, known)


def _source_problems(source: Source) -> Iterator[Problem]:
    fields = [field.name for field in source.fields]
    for rule in source.rules:
        where = f"source {source.name}"
        yield from _unknown(rule.predicate, f"rule {rule.name}", where, fields)
    for field in source.fields:
        if field.default is not None:
            yield from _unknown(field.default, f"default of {field.name}", source.name, ())


def _check_problems(
    check: Check, role: str, where: str, known: Collection[str]
) -> Iterator[Problem]:
    yield from _unknown(check.metric, role, where, known)
    if check.fact == AGE_DAYS and check.column:
        yield from _absent(check.column, role, where, known)


def _reference_problems(check: Check, inputs: dict[str, tuple[str, ...]]) -> Iterator[Problem]:
    if not check.refers_to:
        return
    column, other, other_column = check.refers_to
    yield from _absent(column, f"check {check.name}", check.subject, inputs.get(check.subject, ()))
    if other not in inputs:
        yield f"check {check.name}: {other} is not an input", other
    else:
        yield from _absent(other_column, f"check {check.name}", other, inputs[other])


def _unknown(sql: str, role: str, where: str, known: Collection[str]) -> Iterator[Problem]:
    if not sql:
        return
    try:
        named = columns_of(sql)
    except ValueError as error:
        yield f"{role} is not valid SQL: {error}, in {sql}", role.rpartition(" ")[2]
        return
    for name in named:
        yield from _absent(name, role, where, known)


def _absent(name: str, role: str, where: str, known: Collection[str]) -> Iterator[Problem]:
    # SQL compares names without regard to case.
    if name.lower() not in {each.lower() for each in known}:
        hint = close_to(name, known)
        yield f"{role}: {where} has no column {name}{'.' if hint else ''}{hint}", name


def _line_of(word: str, start: Location) -> int:
    """The first line of the declaration that says the word; where it starts, if none does."""
    try:
        lines = Path(start.file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return start.line
    wanted = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    for number, line in enumerate(lines[start.line - 1 :], start.line):
        if wanted.search(line):
            return number
    return start.line
