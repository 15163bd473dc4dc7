"""What the voice was told to speak of, and has not spoken of yet.

Law: a response that was to tell a result, and ended without a word or never began, is asked for once more; a
second silence is the upstream's will. Responses that were asked for before the result came do not count.
"""

from __future__ import annotations


class Owed:
    """``asks`` is how many responses were asked for so far."""

    def __init__(self) -> None:
        self._since: int | None = None

    def tell(self, asks: int) -> None:
        """The voice has a result, and is being asked to speak of it."""
        self._since = asks

    def spoke(self, asks: int) -> None:
        """The response that was asked for last has ended, and was no silence."""
        if self._since is not None and asks > self._since:
            self._since = None

    def again(self, asks: int) -> bool:
        """The response that was asked for last was silence; True: another is to be asked for, True once."""
        silent = self._since is not None and asks > self._since
        if silent:
            self._since = None
        return silent
