"""Identifiers that a seed reproduces."""

from __future__ import annotations

import hashlib
from collections import Counter


class Ids:
    """Makes ``item_…``, ``resp_…``, ``event_…``; the same seed gives the same row, each kind its own."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self._made: Counter[str] = Counter()

    def new(self, kind: str) -> str:
        """The next identifier of a kind: ``item``, ``resp``, ``event``, ``call``, ``sess``, ``conv``, ``msg``."""
        self._made[kind] += 1
        digest = hashlib.blake2b(f"{self.seed}/{kind}/{self._made[kind]}".encode(), digest_size=10)
        return f"{kind}_{digest.hexdigest()}"
