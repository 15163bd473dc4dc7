"""Bad input from both sides: the gateway between hostile clients and a hostile voice model."""
