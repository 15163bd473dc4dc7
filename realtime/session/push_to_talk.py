"""Sound goes round the conversation; that a turn has begun which only a client ends, it has to know."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from realtime.core.actions import AudioBegan, ClearAudio, CommitAudio
from realtime.core.conversation import Conversation
from realtime.errors import GatewayError
from realtime.protocol.realtime import AudioCleared, AudioCommitted
from realtime.session.inbox import Heard, Message


class PushToTalk:
    """``post`` puts into the owner's inbox."""

    def __init__(self, conversation: Conversation, post: Callable[[Message], None]) -> None:
        self._conversation = conversation
        self._post = post
        self._has_begun = False

    def heard(self) -> None:
        """Hot path: a chunk of sound."""
        if self._has_begun or not self._conversation.is_push_to_talk:
            return
        self._has_begun = True
        with contextlib.suppress(GatewayError):  # the call is over, or too busy to change connections anyway
            self._post(AudioBegan())

    def look_at(self, message: Message | None) -> None:
        """What the owner is about to handle: it may end the turn."""
        match message:
            case CommitAudio() | ClearAudio() | Heard(event=AudioCommitted() | AudioCleared()):
                self._has_begun = False
