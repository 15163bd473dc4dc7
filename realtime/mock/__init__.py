"""A mock of the Realtime API: its model, its scripts and its server."""
