"""Benchmarks: figures, not verdicts. ``python -m tests.bench [NAME] [options of NAME]``."""
