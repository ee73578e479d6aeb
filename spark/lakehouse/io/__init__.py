"""Side effects on storage and databases: states, locks, Delta's log, ops tables, PostgreSQL.

Works on local disks and object stores. Knows no business rule and no engine.
"""
