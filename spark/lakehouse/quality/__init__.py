"""Gates, Great Expectations and quarantine."""
