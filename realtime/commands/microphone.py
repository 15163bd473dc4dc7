"""What a microphone gives, from the thread of its device to the loop of the call."""

from __future__ import annotations

import asyncio
import base64
from collections import deque

from realtime.commands.sound import OUT_RATE, SAMPLE_BYTES
from realtime.protocol.json import JsonObject

WAITING_BLOCKS = 50
"""A second of blocks of 20 ms; older ones are dropped: whoever speaks live is not to be heard late."""


class Microphone:
    """A bounded queue of blocks, 24 kHz mono PCM16. To be made on the running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._blocks: deque[bytes] = deque(maxlen=WAITING_BLOCKS)
        self._arrived = asyncio.Event()

    def heard(self, block: bytes) -> None:
        """Called by the device's thread."""
        self._loop.call_soon_threadsafe(self._put, block)

    async def next(self) -> JsonObject:
        """Wait for a block, as ``appendAudio`` takes it."""
        while not self._blocks:
            self._arrived.clear()
            await self._arrived.wait()
        block = self._blocks.popleft()
        return {
            "data": base64.b64encode(block).decode(),
            "sampleRate": OUT_RATE,
            "numChannels": 1,
            "samplesPerChannel": len(block) // SAMPLE_BYTES,
        }

    def _put(self, block: bytes) -> None:
        self._blocks.append(block)
        self._arrived.set()
