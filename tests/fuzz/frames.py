"""Frames of RFC 6455, section 5.2, made by hand: right, or wrong on purpose."""

from __future__ import annotations

import struct
from functools import partial

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = False) -> bytes:
    """A frame, however wrong; the mask is of zeros."""
    bit, length = (0x80 if masked else 0), len(payload)
    head = bytes([fin << 7 | rsv << 4 | opcode])
    if length < 126:
        head += bytes([bit | length])
    elif length < 65_536:
        head += bytes([bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", length)
    return head + (bytes(4) if masked else b"") + payload


client_frame = partial(frame, masked=True)
"""The same from a client, who has to mask."""
