"""The drawing of the house's floors against the table of imports."""

from __future__ import annotations

import re

from tests.test_architecture import MAY_IMPORT

_ROOM = re.compile(r"[a-z_]+")


def floors(drawing: str) -> dict[str, int]:
    """Each room's floor. What is no room is explanation."""
    found: dict[str, int] = {}
    for line in drawing.splitlines():
        number = re.match(r" *(\d) ", line)
        assert number is not None, line
        for room in _ROOM.findall(line.replace("realtime.", "")):
            if room in MAY_IMPORT:
                assert room not in found, f"{room} is drawn twice"
                found[room] = int(number[1])
    return found


def check(drawing: str) -> None:
    """All rooms are drawn, and none imports from a floor above."""
    found = floors(drawing)
    assert set(MAY_IMPORT) == set(found), set(MAY_IMPORT) ^ set(found)
    upwards = [
        f"{room} imports {below}"
        for room, allowed in MAY_IMPORT.items()
        for below in allowed
        if room in found and found[below] > found[room]
    ]
    assert upwards == [], ", ".join(upwards)
