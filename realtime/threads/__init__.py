"""Durable threads: the store's contract, its SQL body, folding and exporting."""
