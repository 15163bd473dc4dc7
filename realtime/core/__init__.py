"""The conversation as a state machine: no I/O, no clock, no chance."""
