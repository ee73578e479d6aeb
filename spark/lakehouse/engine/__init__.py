"""What a run is: what to do, in which order, on which rows, and what is written down of it.

Asks engines only through `engines.protocols`, so that no session, job or jar is known here; and
names no table: everything follows from what a table declares. Ten nouns carry it:

- lake: a place with tables, and the engine that works on it.
- request: what was asked for: as-of date, day, full refresh.
- job: the facts of one run of one table.
- outlook: what a run would do and why, from bookkeeping alone.
- stage: assert-input, process or assert-output; a run is all three.
- scope: the slices of a table that a run makes again, or all of them.
- slice: rows of a table that are replaced together: a day, a user, a user's day.
- candidate: a written version that waits for its output gate.
- state: what is known of a published version or a candidate: what it was made from.
- outcome: what became of a table in a run.
"""
