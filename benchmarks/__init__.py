"""Measurements, each a program of its own: `python -m benchmarks.session --help`. Never run as tests."""
