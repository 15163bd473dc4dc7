"""The voice model inside another process: sessions over links in memory, no port is opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from realtime.mock.breaks import MockBreaks
from realtime.mock.carrier import MemoryCarrier
from realtime.mock.host import MockHost
from realtime.mock.model import ModelSettings
from realtime.mock.reply import Script
from transports.link import MessageLink, memory_pair


class EmbeddedModel:
    """Makes links to new sessions of the model. Tasks of the group serve them."""

    def __init__(self, script: Script, group: asyncio.TaskGroup) -> None:
        self._script = script
        self._group = group
        self._hosts: dict[asyncio.Task[None], tuple[str, MockHost]] = {}
        self.breaks = MockBreaks(self._of)

    async def connect(self, label: str) -> MessageLink:
        """A link to a session of its own; by ``label`` its owner finds it again."""
        ours, theirs = memory_pair()
        host = MockHost(self._script)
        task = self._group.create_task(host.serve(MemoryCarrier(theirs), ModelSettings().model))
        self._hosts[task] = (label, host)
        task.add_done_callback(self._hosts.pop)
        return ours

    def close(self) -> None:
        """All sessions are over."""
        for task in tuple(self._hosts):
            task.cancel()

    def _of(self, label: str) -> list[MockHost]:
        return [host for known, host in self._hosts.values() if known == label]


@asynccontextmanager
async def embedded_model(script: Script) -> AsyncIterator[EmbeddedModel]:
    """Yields the model; at the end all its sessions are over."""
    async with asyncio.TaskGroup() as group:
        model = EmbeddedModel(script, group)
        try:
            yield model
        finally:
            model.close()
