"""The `lakehouse` command: parses arguments and prints results.

Contains no logic of its own, and loads no engine before a command needs one.
"""

from lakehouse.cli.commands import app, main

__all__ = ["app", "main"]
