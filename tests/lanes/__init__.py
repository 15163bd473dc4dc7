"""The one ordered way out of a thread."""
