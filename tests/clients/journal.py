"""The mock's log, judged: every server event by the official SDK's types and by the documented order."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from realtime.protocol.json import JsonObject
from tests.mock.order import OrderChecker
from tests.mock.sdk_types import check


def frames(log: Path, direction: str) -> Iterator[tuple[str, JsonObject]]:
    """Connection and event of each frame that went this way: ``client`` or ``server``."""
    for line in log.read_text(encoding="utf-8").splitlines():
        frame = json.loads(line)
        if frame["dir"] == direction:
            yield frame["conn"], frame["event"]


def judge(log: Path) -> int:
    """How many server events there were; fails for the first that is wrong."""
    orders: defaultdict[str, OrderChecker] = defaultdict(OrderChecker)
    count = 0
    for connection, event in frames(log, "server"):
        check(event)
        orders[connection].see(event)
        count += 1
    return count
