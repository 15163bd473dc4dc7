"""What goes over the pipes between the gateway and the processes that hear and speak for it.

A message is two lengths (big-endian, 32 bits), an object as JSON, and sound.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO

from realtime.protocol import json
from realtime.protocol.json import JsonObject

_LENGTHS = struct.Struct(">II")
_MOST = 128 * 1024 * 1024
Message = tuple[JsonObject, bytes]


def pack(head: JsonObject, sound: bytes = b"") -> bytes:
    """A message as bytes."""
    body = json.encode(head).encode()
    return _LENGTHS.pack(len(body), len(sound)) + body + sound


async def read(reader: asyncio.StreamReader) -> Message:
    """The next message; raises ``EOFError`` when there is none, or no whole one, or no message."""
    try:
        lengths = _lengths(await reader.readexactly(_LENGTHS.size))
        data = await reader.readexactly(sum(lengths))
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        raise EOFError("the pipe has ended") from error
    return _unpack(data, lengths[0])


class ChildEnd:
    """The pipes as a child sees them: whatever else is printed goes to stderr.

    An interrupt from the terminal is the parent's to answer: a child ends when its input does.
    """

    def __init__(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._input: BinaryIO = sys.stdin.buffer
        self._output: BinaryIO = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def messages(self) -> Iterator[Message]:
        """All messages until the parent has gone."""
        while len(head := self._input.read(_LENGTHS.size)) == _LENGTHS.size:
            lengths = _lengths(head)
            data = self._input.read(sum(lengths))
            if len(data) < sum(lengths):
                return
            yield _unpack(data, lengths[0])

    def send(self, head: JsonObject, sound: bytes = b"") -> None:
        """Raises ``BrokenPipeError`` when the parent has gone."""
        self._output.write(pack(head, sound))
        self._output.flush()


def _lengths(head: bytes) -> tuple[int, int]:
    body, sound = _LENGTHS.unpack(head)
    if body + sound > _MOST:
        raise EOFError("what comes over the pipe is no message")
    return body, sound


def _unpack(data: bytes, body: int) -> Message:
    try:
        return json.decode_object(data[:body].decode()), data[body:]
    except ValueError as error:
        raise EOFError("what comes over the pipe is no message") from error
