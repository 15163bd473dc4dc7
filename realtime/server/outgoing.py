"""What a door queues for one client."""

from __future__ import annotations

from realtime.gateway import Outgoing
from realtime.protocol.appserver import Shed
from realtime.queues import Rank

_RANKS = {Shed.AUDIO: Rank.AUDIO, Shed.DELTA: Rank.DELTA, Shed.NEVER: Rank.RECORD}


def rank(message: Outgoing) -> Rank:
    """How dear the message is to the client."""
    return _RANKS[message.shed]
