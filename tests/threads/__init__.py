"""Folding, exporting, recovery and the faults of SQLite."""
