"""Benchmarks: a table of cases by a table of contenders, measured in one interleaved run. See README.md."""
