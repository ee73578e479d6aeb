"""Synthetic landing data for the growth and interactions domains, with its truth written down.

Same arguments, same bytes. What is planted in the data, and which figures a correct pipeline must
find in it, stands in `truth.json` beside the files. Nothing of the pipeline is imported here, nor
are its definitions: the truth is worked out a second time, so that the two can check each other.
"""

from lakehouse.synthetic.arguments import (
    DOMAINS,
    Arguments,
    ArgumentsError,
    parse_date,
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
    "generate",
    "parse_date",
    "parse_domains",
]
