"""Ears and mouth of the mock: contracts and bodies, one a file."""
