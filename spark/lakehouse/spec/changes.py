"""How rows of a table change: the words of staged differences, commits and their readers."""

OPERATION = "_operation"
"""Column of staged differences that says what to do with a row."""

INSERT, UPDATE, DELETE = "insert", "update", "delete"
