"""Runs one benchmark by name, or all of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

BENCHMARKS = ("relay", "stall", "voice_back", "mock_load", "webrtc", "spoken_turn")
"""Modules beside this one, each with ``run(arguments) -> int``."""


def main(arguments: Sequence[str]) -> int:
    """The worst exit status of what ran; options without a name are the first benchmark's."""
    chosen: Sequence[str] = BENCHMARKS
    if arguments and arguments[0] in BENCHMARKS:
        chosen, arguments = arguments[:1], arguments[1:]
    elif arguments:
        chosen = BENCHMARKS[:1]
    statuses: list[int] = [import_module(f"tests.bench.{name}").run(arguments) for name in chosen]
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
