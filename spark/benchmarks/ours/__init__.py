"""Our lake as the benchmarks run it, inside the process that is measured."""
