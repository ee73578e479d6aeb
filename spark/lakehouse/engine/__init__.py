"""How a run works: what to do, in which order, on which rows, and what to record about it.

Uses engines only through `engines.protocols`, so no Spark session or jar is known here. Names no
table: everything follows from what a table declares. Glossary:

- lake: a root with tables, and the engine that works on it.
- request: what a run is asked for: as-of date, day, full refresh.
- job: the facts of one run of one table.
- outlook: what a run would do and why, decided without an engine.
- stage: assert-input, process or assert-output; a run is all three.
- slice: rows of a table that are recomputed together: a day, a user, a user's day.
- scope: the slices of a table that a run recomputes, or all of them.
- candidate: a committed version that has not passed its output gate yet.
- state: the record of a published version or a candidate, with the input versions it consumed.
- outcome: the result of a run of one table.
"""
