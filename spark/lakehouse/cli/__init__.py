"""The `lakehouse` command: arguments in, rows and words out.

Holds no logic of its own, and loads no engine before a command needs one.
"""

from lakehouse.cli.commands import app, main

__all__ = ["app", "main"]
