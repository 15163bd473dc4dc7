"""What a look at the house found wrong."""

from __future__ import annotations


class Trouble(Exception):
    """What is wrong; ``remedy`` says what to do. Neither holds a secret."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy
