"""How rows of a table change: the words of staged differences, commits and their readers."""

OPERATION = "_operation"
"""Column of staged differences that says what to do with a row."""

INSERT, UPDATE, DELETE = "insert", "update", "delete"
CHANGE_TYPE = "_change_type"
"""Column of a change feed that says in Delta's words what became of a row."""
