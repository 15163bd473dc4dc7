"""The mock of the Realtime API: its rules with an invented clock, its server with real sockets."""
