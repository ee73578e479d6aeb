"""One module per table: its grain in the docstring, its contract in `TABLE`, and `transform`.

A table module never opens a file, reads the clock or runs a Spark action.
"""
