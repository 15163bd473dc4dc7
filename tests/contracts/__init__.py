"""The contracts of stores, one suite for each body."""
