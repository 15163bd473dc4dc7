"""Ears and mouth with engines: offline, on the CPU."""
