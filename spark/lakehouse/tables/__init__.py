"""One module, one table: its grain in the docstring, its contract in `TABLE`, and `transform`.

Never opens a file, asks a clock or starts an action.
"""
