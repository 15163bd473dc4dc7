"""A turn that only a client ends: the conversation hears of its first sound, once."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.core.actions import AudioBegan, ClearAudio, CommitAudio
from realtime.core.conversation import Conversation
from realtime.errors import Overloaded
from realtime.protocol.realtime import AudioCleared, AudioCommitted, SpeechStarted
from realtime.session.inbox import Heard, Message
from realtime.session.push_to_talk import PushToTalk
from tests.core.driver import CONFIG, Driver


def _conversation(detection: Any) -> Conversation:
    session = {**CONFIG.session, "audio": {"input": {"turn_detection": detection}}}
    return Driver(session=session).conversation


@pytest.mark.parametrize(
    "end",
    [
        CommitAudio(),
        ClearAudio(),
        Heard(1, AudioCommitted(type=AudioCommitted.types[0])),
        Heard(1, AudioCleared(type=AudioCleared.types[0])),
    ],
)
def test_the_first_sound_of_each_turn_is_told(end: Message) -> None:
    posted: list[Message] = []
    talk = PushToTalk(_conversation(None), posted.append)
    for message in (None, Heard(1, SpeechStarted(type=SpeechStarted.types[0]))):
        talk.heard()
        talk.look_at(message)
    assert posted == [AudioBegan()]
    talk.look_at(end)
    talk.heard()
    assert posted == [AudioBegan()] * 2


def test_where_voice_detection_ends_the_turns_nothing_is_told() -> None:
    posted: list[Message] = []
    PushToTalk(_conversation({"type": "server_vad"}), posted.append).heard()
    PushToTalk(Driver().conversation, posted.append).heard()
    assert posted == []


def test_a_client_may_take_the_turns_over_after_sound_that_voice_detection_heard() -> None:
    posted: list[Message] = []
    conversation = _conversation({"type": "server_vad"})
    talk = PushToTalk(conversation, posted.append)
    talk.heard()
    conversation._call.session = {"audio": {"input": {"turn_detection": None}}}
    talk.heard()
    assert posted == [AudioBegan()]


def test_a_call_that_is_too_busy_loses_no_sound_over_it() -> None:
    def refuse(message: Message) -> None:
        raise Overloaded("the call is too busy")

    PushToTalk(_conversation(None), refuse).heard()
