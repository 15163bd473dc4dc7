"""The voice model inside another process: sessions over links in memory, no port is opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from realtime.mock.breaks import MockBreaks
from realtime.mock.carrier import MemoryCarrier
from realtime.mock.host import MockHost
from realtime.mock.model import ModelSettings
from realtime.mock.reply import Script
from realtime.mock.speech.studio import Studio
from transports.link import MessageLink, memory_pair

_HEARS = ModelSettings(transcription_delay_s=0.0)
"""The recogniser takes its time, no need to pretend."""


class EmbeddedModel:
    """Makes links to new sessions of the model. Tasks of the group serve them.

    Without a ``studio`` they hear and speak as ``voxgate mock`` does: scripted words, and tones.
    """

    def __init__(self, script: Script, group: asyncio.TaskGroup, studio: Studio | None = None) -> None:
        self._script = script
        self._studio = studio
        self._group = group
        self._hosts: dict[asyncio.Task[None], tuple[str, MockHost]] = {}
        self.breaks = MockBreaks(self._of)

    async def connect(self, label: str, *, audio: bool) -> MessageLink:
        """A link to a session of its own; by ``label`` its owner finds it again.

        ``audio``: it answers in sound. Raises ``Overloaded``.
        """
        host, leave = self._host(label, audio=audio)
        ours, theirs = memory_pair()
        task = self._group.create_task(host.serve(MemoryCarrier(theirs), host.settings.model))
        self._hosts[task] = (label, host)
        task.add_done_callback(self._hosts.pop)
        task.add_done_callback(lambda _: leave.close())
        return ours

    def _host(self, label: str, *, audio: bool) -> tuple[MockHost, ExitStack]:
        """A host for one session, and what is to be closed when that is over."""
        with ExitStack() as stack:
            if self._studio is None:
                return MockHost(self._script), stack.pop_all()
            engines = stack.enter_context(self._studio.place(label, audio=audio))
            return MockHost(self._script, settings=_HEARS, engines=lambda: engines), stack.pop_all()

    def close(self) -> None:
        """All sessions are over."""
        for task in tuple(self._hosts):
            task.cancel()

    def _of(self, label: str) -> list[MockHost]:
        return [host for known, host in self._hosts.values() if known == label]


@asynccontextmanager
async def embedded_model(script: Script, studio: Studio | None = None) -> AsyncIterator[EmbeddedModel]:
    """Yields the model; at the end all its sessions are over."""
    async with asyncio.TaskGroup() as group:
        model = EmbeddedModel(script, group, studio)
        try:
            yield model
        finally:
            model.close()
