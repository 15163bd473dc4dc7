"""Audio as the wires carry it: base64 of 16-bit little-endian PCM, with its format beside it."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.protocol.ids import ItemId

SAMPLE_RATE = 24_000
"""The rate of a Realtime session's PCM, in Hz."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of audio, undecoded.

    ``data`` is base64 of PCM16 samples, interleaved when ``num_channels`` is above 1;
    ``samples_per_channel`` is what the sender declared, or None.
    """

    data: str
    sample_rate: int = SAMPLE_RATE
    num_channels: int = 1
    samples_per_channel: int | None = None
    item_id: ItemId | None = None

    @property
    def num_bytes(self) -> int:
        """Length of the decoded audio, told from the text's length and padding alone."""
        return base64_length(self.data)

    @property
    def samples(self) -> int:
        """Samples in each channel: the declared number, else by length."""
        if self.samples_per_channel is not None:
            return self.samples_per_channel
        return self.num_bytes // 2 // max(1, self.num_channels)

    @property
    def duration_ms(self) -> float:
        """Duration at the chunk's own rate."""
        return self.samples * 1000 / self.sample_rate


def base64_length(data: str) -> int:
    """Bytes that a valid base64 text holds."""
    return len(data) // 4 * 3 - (2 if data.endswith("==") else 1 if data.endswith("=") else 0)


def is_base64(data: str) -> bool:
    """True when alphabet and padding are right (RFC 4648, section 4); nothing is decoded."""
    if len(data) % 4 or not data.isascii():
        return False
    body = data.rstrip("=")
    return len(data) - len(body) <= 2 and not body.encode().translate(None, _ALPHABET)
