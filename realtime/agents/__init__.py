"""Background agents: the contract and one agent a file."""
