"""Turns of threads: agents at work, one at a time a thread."""
