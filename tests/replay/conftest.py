"""What all scenarios are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.canary import Canary
from tests.replay.stage import Play


@pytest.fixture
def play(canary: Canary, tmp_path: Path) -> Play:
    """A scenario that needs nothing beforehand; ``dataclasses.replace`` makes others of it."""
    return Play(canary, tmp_path)
