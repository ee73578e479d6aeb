"""What a number means, once: names, thresholds and the sentence that stands wherever it is shown.

Plain Python; never an engine, nor a row.
"""
