"""The voice model of the state machine: what it answers, hears and speaks with, and how calls are set up."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace

from realtime.core.config import ReconnectPolicy, SessionConfig
from realtime.mock.model import MockModel, ModelSettings
from realtime.mock.reply import Call, Context, Failure, Reply, Say
from realtime.mock.speech.contracts import BYTES_PER_MS, Speech
from realtime.mock.speech.energy import EnergyDetector
from realtime.mock.speech.heard import HeardLines
from realtime.protocol.json import JsonObject
from tests.core.driver import CONFIG

_SAY = Say("well, here are some words")
_AGENT = Call("background_agent", '{"prompt": "look at the weather in the harbour"}')
MOODS: dict[str, Reply] = {
    "say": Reply((_SAY,)),
    "agent": Reply((_AGENT,)),
    "say and agent": Reply((Say("one moment"), _AGENT)),
    "two calls": Reply((_AGENT, Call("remain_silent", "{}"))),
    "two messages": Reply((Say("first"), Say("second"))),
    "empty request": Reply((Call("background_agent", ""),)),
    "silent": Reply((Call("remain_silent", "{}"),)),
    "unknown tool": Reply((Call("make_coffee", "{}"),)),
    "nothing": Reply(),
    "endless": Reply((_SAY,), endless=True),
    "failure": Reply((), failure=Failure("server_error")),
}
LOUD = (b"\xa0\x0f\x60\xf0" * 24 * 50)[: BYTES_PER_MS * 100]
"""100 ms that voice detection takes for speech."""


PATIENCE = 12
"""Answers after which the script breaks its rounds once."""


class Moods:
    """A script that goes through its moods, round and round; ``calm`` it only says something.

    It says something now and then in any case: one that did nothing but call would go on for ever by itself, as
    long as time passes.
    """

    def __init__(self, moods: Sequence[str]) -> None:
        self._moods = moods
        self._told = 0
        self.calm = False
        self.next: str | None = None
        """The mood of the next response alone."""

    def reply(self, context: Context) -> Reply:
        """The answer, whatever stands in the context."""
        del context
        if self.calm:
            return MOODS["say"]
        mood, self.next = self.next, None
        if mood is None:
            self._told += 1
            mood = self._moods[self._told % len(self._moods)] if self._told % PATIENCE else "say"
        return MOODS[mood]


class Hush:
    """A mouth that makes 50 ms of silence a character, and 130 ms more."""

    def speak(self, text: str, *, voice: str, speed: float) -> bytes:
        """Silence as long as the text."""
        del voice, speed
        return bytes(BYTES_PER_MS * (130 + 50 * len(text)))


@dataclass(frozen=True, slots=True)
class Setting:
    """What one call and its voice model are like."""

    modality: str = "audio"
    push_to_talk: bool = False
    transcription: str = "works"
    limit_s: float = 1e6
    response_s: float = 20.0
    history_items: int = 200
    speak_progress: bool = False
    reconnect: bool = True

    def config(self, prefix: str) -> SessionConfig:
        """The call's configuration; ``prefix`` is that of its own items."""
        return replace(
            CONFIG,
            item_prefix=prefix,
            session=self._session(),
            modality="text" if self.modality == "text" else "audio",
            transcribes=self.transcription != "none",
            barge_in=not self.push_to_talk,
            speak_progress=self.speak_progress,
            reconnect=ReconnectPolicy(enabled=self.reconnect),
            session_limit_s=self.limit_s,
            response_s=self.response_s,
            history_items=self.history_items,
        )

    def model(self, script: Moods, seed: str) -> MockModel:
        """A new session of the voice model."""
        settings = ModelSettings(
            session_limit_s=self.limit_s, transcription_fails=self.transcription == "fails", pace_s=0.05
        )
        return MockModel(script, seed=seed, settings=settings, speech=Speech(EnergyDetector(), HeardLines(), Hush()))

    def _session(self) -> JsonObject:
        detection = {"type": "server_vad", "silence_duration_ms": 200, "prefix_padding_ms": 0}
        heard = {
            "turn_detection": None if self.push_to_talk else detection,
            "transcription": None if self.transcription == "none" else {"model": "words"},
        }
        return {"type": "realtime", "output_modalities": [self.modality], "audio": {"input": heard}}


def sound(loud: int, quiet: int) -> list[JsonObject]:
    """Audio for the upstream: tenths of a second of speech, then of silence."""
    pieces = [LOUD] * loud + [bytes(len(LOUD))] * quiet
    return [{"type": "input_audio_buffer.append", "audio": base64.b64encode(piece).decode()} for piece in pieces]
