"""Write strategies: how a transform's rows become the next version of a table.

Every strategy states two things the engine needs: the `grain` (columns that identify a row, used
to find what really changed) and the `slices` (columns whose touched values are recomputed as a
whole; empty means the table is always recomputed as a whole).
"""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse.spec.windows import Window


@dataclass(frozen=True)
class Append:
    """Bronze: every distinct landed row once. Repeats of the same content are dropped.

    Args:
        earliest: A day that is no part of the content: the row has the earliest of all its repeats,
            in whatever order they arrive.
    """

    earliest: str = ""

    @property
    def grain(self) -> tuple[str, ...]:
        """The content hash identifies a landed row."""
        return ("_row_id",)

    @property
    def slices(self) -> tuple[str, ...]:
        """Rows are independent of each other."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Overwrite:
    """Small tables recomputed as a whole; only rows that differ are written.

    Args:
        keys: Grain of the table.
    """

    keys: tuple[str, ...]

    @property
    def grain(self) -> tuple[str, ...]:
        """The declared keys."""
        return self.keys

    @property
    def slices(self) -> tuple[str, ...]:
        """None: the whole table is one slice."""
        return ()


@dataclass(frozen=True, kw_only=True)
class Upsert:
    """One row per key; a touched key is recomputed, and deleted when it has no row any more.

    Args:
        keys: Grain of the table; every sliced input has these columns.
    """

    keys: tuple[str, ...]

    @property
    def grain(self) -> tuple[str, ...]:
        """The declared keys."""
        return self.keys

    @property
    def slices(self) -> tuple[str, ...]:
        """Each key is its own slice."""
        return self.keys


@dataclass(frozen=True, kw_only=True)
class SliceOf:
    """How a slice column follows from a column that an input has.

    Args:
        name: Slice column of the table.
        column: Column of the input.
        window: The days that a slice is made of, where these are not one day alone.
    """

    name: str
    column: str
    window: Window | None = None

    @property
    def touches(self) -> str:
        """SQL over `column`: the slices that a row counts in, as an array; empty for its own."""
        return self.window.touches(self.column) if self.window else ""

    @property
    def needs(self) -> str:
        """SQL over `name`: the values of `column` that a slice is made of, as an array."""
        return self.window.needs(self.name) if self.window else ""

    def __str__(self) -> str:
        """How the slice follows, in words."""
        return f"{self.name} from {self.touches or self.column}"


@dataclass(frozen=True, kw_only=True)
class ReplaceSlices:
    """Many rows per slice (all rows of a day, of a user); a touched slice is replaced as a whole.

    Args:
        by: Columns of the slice, present in the table and, unless `of` says otherwise, in every
            sliced input.
        keys: Grain of the table; includes `by`.
        of: Where slice columns come from that an input does not have.
    """

    by: tuple[str, ...]
    keys: tuple[str, ...]
    of: tuple[SliceOf, ...] = ()

    @property
    def grain(self) -> tuple[str, ...]:
        """The declared keys."""
        return self.keys

    @property
    def slices(self) -> tuple[str, ...]:
        """The declared slice columns."""
        return self.by


@dataclass(frozen=True, kw_only=True)
class Scd2:
    """Slowly changing dimension, type 2: one row per key and validity interval [from, to).

    The transform returns changes: `keys`, `tracked`, a date or timestamp column named by
    `sequence_by`, and `is_deleted`. The engine derives effective_from, effective_to, is_current and
    record_hash from the whole history of each touched key and merges what differs.

    Args:
        keys: Natural key.
        tracked: Columns whose change opens a new interval.
        sequence_by: Date or timestamp column of the change; becomes effective_from.
    """

    keys: tuple[str, ...]
    tracked: tuple[str, ...]
    sequence_by: str

    @property
    def grain(self) -> tuple[str, ...]:
        """A key has one interval per start."""
        return (*self.keys, "effective_from")

    @property
    def slices(self) -> tuple[str, ...]:
        """All intervals of a key belong together."""
        return self.keys


Write = Append | Overwrite | Upsert | ReplaceSlices | Scd2
