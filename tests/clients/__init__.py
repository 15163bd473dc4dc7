"""Published clients of the Realtime API, unmodified, against the mock."""
