"""Audio files, and what an ear is to ``voxgate call``: the contract, and a pretended one that hears by the clock."""

from __future__ import annotations

import base64
import binascii
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from realtime.errors import ConfigurationError
from realtime.protocol.json import JsonObject

FRAME_S = 0.02
OUT_RATE = 24_000
SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Recording:
    """16-bit PCM, interleaved, at the file's own rate (Hz) and channels."""

    pcm: bytes
    sample_rate: int
    num_channels: int

    @property
    def duration_s(self) -> float:
        """Seconds of sound."""
        return len(self.pcm) / (SAMPLE_BYTES * self.num_channels * self.sample_rate)

    @property
    def is_silent(self) -> bool:
        """True when no sample differs from nothing."""
        return not any(self.pcm)

    def silence(self, seconds: float) -> Recording:
        """Silence of the same format."""
        samples = int(self.sample_rate * seconds)
        return Recording(bytes(SAMPLE_BYTES * self.num_channels * samples), self.sample_rate, self.num_channels)

    def frames(self) -> Iterator[JsonObject]:
        """Pieces of 20 ms as ``appendAudio`` takes them; the last may be shorter."""
        width = SAMPLE_BYTES * self.num_channels
        total = len(self.pcm) // width
        number = begin = 0
        while begin < total:
            number += 1
            # by the running number, not by a fixed size: 20 ms of 11,025 Hz are no whole number of samples
            end = min(total, int(number * self.sample_rate * FRAME_S))
            yield {
                "data": base64.b64encode(self.pcm[begin * width : end * width]).decode(),
                "sampleRate": self.sample_rate,
                "numChannels": self.num_channels,
                "samplesPerChannel": end - begin,
            }
            begin = end


def read_wav(path: Path) -> Recording:
    """A WAV file of 16-bit PCM; raises ``ConfigurationError`` that names the file."""
    try:
        with wave.open(str(path), "rb") as file:
            width, rate, channels = file.getsampwidth(), file.getframerate(), file.getnchannels()
            pcm = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error) or "it is cut short"
        raise ConfigurationError(f"--wav: {path}: {reason}", setting="--wav") from None
    if width != SAMPLE_BYTES:
        raise ConfigurationError(f"--wav: {path}: 16-bit samples are needed, not {8 * width}-bit", setting="--wav")
    if not 8_000 <= rate <= 96_000 or not 1 <= channels <= 8:
        raise ConfigurationError(f"--wav: {path}: {rate} Hz, {channels} channels is not taken", setting="--wav")
    if len(pcm) < width * channels:
        raise ConfigurationError(f"--wav: {path}: holds no sound", setting="--wav")
    return Recording(pcm[: len(pcm) // (width * channels) * width * channels], rate, channels)


def check_writable(path: Path) -> None:
    """Find out before the talk, not after it; raises ``ConfigurationError``."""
    try:
        path.open("ab").close()
    except OSError as error:
        raise ConfigurationError(f"--out: {path}: {error.strerror}", setting="--out") from None


def write_wav(path: Path, pcm: bytes) -> None:
    """24 kHz, mono, 16-bit."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(SAMPLE_BYTES)
        file.setframerate(OUT_RATE)
        file.writeframes(pcm)


def pcm_of(audio: JsonObject) -> bytes:
    """The samples of a chunk (24 kHz mono PCM16 in base64); none of one that is not well formed."""
    try:
        return base64.b64decode(audio["data"], validate=True)
    except (binascii.Error, KeyError, TypeError, ValueError):
        return b""


class Ear(Protocol):
    """Hears the answers. Times in seconds of one clock, given as ``now``."""

    def receive(self, audio: JsonObject, *, now: float) -> None:
        """Queue a chunk: it is heard once what came before it was."""
        ...

    def flush(self, *, now: float) -> None:
        """Drop what was not heard yet."""
        ...

    def ends_at(self) -> float:
        """When all will have been heard; 0 when nothing waits."""
        ...

    def heard(self, *, now: float) -> list[tuple[str, int]]:
        """Items, and how many milliseconds of each were heard."""
        ...

    def pcm(self) -> bytes:
        """What was heard."""
        ...

    def duration_ms(self) -> int:
        """How long that is."""
        ...


@dataclass(slots=True)
class _Piece:
    item_id: str | None
    pcm: bytes
    starts_at: float

    @property
    def duration(self) -> float:
        return len(self.pcm) / (SAMPLE_BYTES * OUT_RATE)

    def heard(self, now: float) -> float:
        return min(self.duration, max(0.0, now - self.starts_at))


class Player:
    """Plays received audio to nobody, in real time. Times in seconds of one clock, given as ``now``."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def receive(self, audio: JsonObject, *, now: float) -> None:
        """Queue a chunk (24 kHz mono PCM16 in base64): it is heard once what came before it was."""
        if pcm := pcm_of(audio):
            self._pieces.append(_Piece(audio.get("itemId"), pcm, max(now, self.ends_at())))

    def flush(self, *, now: float) -> None:
        """Drop what was not heard yet."""
        kept = []
        for piece in self._pieces:
            samples = round(piece.heard(now) * OUT_RATE)
            if samples:
                kept.append(_Piece(piece.item_id, piece.pcm[: samples * SAMPLE_BYTES], piece.starts_at))
        self._pieces = kept

    def ends_at(self) -> float:
        """When all will have been heard; 0 before anything came."""
        return self._pieces[-1].starts_at + self._pieces[-1].duration if self._pieces else 0.0

    def position(self, *, now: float) -> tuple[str, int] | None:
        """The item that is, or was last, heard, and how many of its milliseconds."""
        begun = [piece for piece in self._pieces if piece.starts_at <= now]
        if not begun or begun[-1].item_id is None:
            return None
        item_id = begun[-1].item_id
        # a hair above, so that a sum of fractions does not fall a millisecond short
        return item_id, int(1000 * sum(piece.heard(now) for piece in begun if piece.item_id == item_id) + 1e-6)

    def heard(self, *, now: float) -> list[tuple[str, int]]:
        """``position``, as the contract has it."""
        position = self.position(now=now)
        return [position] if position is not None else []

    def pcm(self) -> bytes:
        """Everything that was received, less what was flushed."""
        return b"".join(piece.pcm for piece in self._pieces)

    def duration_ms(self) -> int:
        """Length of ``pcm``."""
        return sum(len(piece.pcm) for piece in self._pieces) * 1000 // (SAMPLE_BYTES * OUT_RATE)
