"""Byte and message carriers: sockets, in-memory pairs, audio arithmetic. They know nothing of the house."""
