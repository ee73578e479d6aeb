"""Side effects on storage and databases: states, locks, Delta's log, ops tables, PostgreSQL.

Knows how things are kept, for one machine and for object stores; never a business rule, no engine.
"""
