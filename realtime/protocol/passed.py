"""Client events that are handed on to the upstream as they came."""

from __future__ import annotations

from pydantic import ConfigDict

from realtime.protocol.realtime import ClientEvent


class Passed(ClientEvent):
    """An event of a client's: any members; those that are null at the top are left out."""

    model_config = ConfigDict(frozen=True, extra="allow")
