"""Our pipeline side by side with what others would write: `python -m benchmarks --help`."""
