"""Synthetic landing data for the growth, interactions and web domains, with the expected results.

The same arguments give the same bytes. `truth.json`, beside the files, records what is planted in
the data and which figures a correct pipeline must find. Nothing of the pipeline, nor its
definitions, is imported here: the truth is computed independently, as a check on both.
"""

from lakehouse.synthetic.arguments import (
    DOMAINS,
    Arguments,
    ArgumentsError,
    first_day,
    parse_domains,
)
from lakehouse.synthetic.generate import Report, generate
from lakehouse.synthetic.writer import MARKER, TRUTH, LandingConflictError

__all__ = [
    "DOMAINS",
    "MARKER",
    "TRUTH",
    "Arguments",
    "ArgumentsError",
    "LandingConflictError",
    "Report",
    "first_day",
    "generate",
    "parse_domains",
]
