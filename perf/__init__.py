"""Benchmarks: ``python -m perf NAME``. Speeds are never tested, results are."""
