"""A client as people first write it, and the gateway, side by side in every scenario of the mock."""
