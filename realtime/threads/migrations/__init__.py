"""Schema steps of the thread store."""
