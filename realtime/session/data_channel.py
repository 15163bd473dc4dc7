"""The data channel of a WebRTC peer of ours as a client of the Realtime API: events both ways, sound by the peer.

As the API has it by WebRTC: no audio on the channel, and ``output_audio_buffer.*`` instead, which say what is played:
*started* with the first sound of a response, *stopped* when the last of it has gone out, *cleared* when it is cut off.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

from realtime.core.actions import CloseReason, Relay
from realtime.core.recent import Recent
from realtime.errors import Overloaded, SessionNotFound
from realtime.protocol import json
from realtime.protocol.appserver import Shed
from realtime.protocol.complaint import Complaint, audio_of, parsed
from realtime.protocol.json import JsonObject
from realtime.protocol.short_forms import fitting
from realtime.session.owner import Session

WAITING = 256
"""Events of the page's that wait for the call."""
HELD = 512
"""Events that wait for the channel to open; with more, nobody is there, and they are let go."""
MAX_EVENT = 262_144
"""Characters of an event; sound does not come this way."""
REMEMBERED = 64
"""Items and responses of which sound may still go out."""
_LOOKED_AT = ('"response.output_item.added"', '"response.done"')


class DataChannel:
    """``send`` and ``carries`` are the peer's; ``overflow`` is called when it cannot take what must not be lost."""

    def __init__(
        self, send: Callable[[str], bool], carries: Callable[[str], bool], overflow: Callable[[], None]
    ) -> None:
        self._send = send
        self._carries = carries
        self._overflow = overflow
        self._state: Literal["awaited", "open", "absent"] = "awaited"
        """Absent: the page has opened none, or has closed it; a call may well be sound alone."""
        self._held: deque[str] = deque()
        self._events: asyncio.Queue[str] = asyncio.Queue(WAITING)
        self._session: Session | None = None
        self._number = 0
        self._event_number = 0
        self._playing = _Playing()

    # -- the call's side -------------------------------------------------------------------------------

    def join(self, session: Session) -> None:
        """The page is a client of this call."""
        self._session = session
        self._number = session.clients.join(self)
        session.clients.has_peer = True

    async def run(self) -> None:
        """Take the page's events, one after the other, until cancelled or the call is over."""
        while self._session is not None:
            text = await self._events.get()
            try:
                await self._take(text, self._session)
            except SessionNotFound:
                return

    def relay(self, text: str, shed: Shed) -> None:
        """A server event."""
        if any(kind in text for kind in _LOOKED_AT):
            event = json.decode_object(text)
            self._put(text)
            self._tell(self._playing.learn(event))
        else:
            self._put(text)

    def ended(self, reason: CloseReason) -> None:
        """The peer ends with the call."""
        self._session = None

    # -- the peer's side -------------------------------------------------------------------------------

    def opened(self) -> None:
        """What has waited leaves."""
        self._state = "open"
        held, self._held = self._held, deque()
        for text in held:
            self._put(text)

    def shut(self) -> None:
        """Nobody reads any more, until it is opened again."""
        self._state = "absent"

    def told(self, text: str) -> None:
        """An event of the page's."""
        try:
            if len(text) > MAX_EVENT:
                raise Complaint("invalid_value", f"The event is longer than {MAX_EVENT} characters.")
            self._events.put_nowait(text)
        except asyncio.QueueFull:
            self._complain(Complaint("overloaded", "Too many events wait.", kind="server_error"), None)
        except Complaint as complaint:
            self._complain(complaint, None)

    def plays(self, item_id: str) -> None:
        """Sound of this item goes to the peer."""
        self._tell(self._playing.begin(item_id))

    def played(self, item_id: str) -> None:
        """All sound of this item, up to now, has gone out."""
        self._tell(self._playing.drain(item_id))

    def flushed(self) -> None:
        """What has not gone out is dropped."""
        for change in self._playing.clear():
            self._tell(change)

    # -- events ----------------------------------------------------------------------------------------

    async def _take(self, text: str, session: Session) -> None:
        event: JsonObject = {}
        try:
            event = parsed(text)
            match event.get("type"):
                case "input_audio_buffer.append":
                    await session.clients.append_audio(audio_of(event))
                case _:
                    await session.clients.take(event, self._number)
        except Complaint as complaint:
            self._complain(complaint, event.get("event_id"))
        except Overloaded as error:
            self._complain(Complaint("overloaded", error.message, kind="server_error"), event.get("event_id"))

    def _complain(self, complaint: Complaint, event_id: object) -> None:
        self._put(json.encode(self._named(complaint.event(event_id if isinstance(event_id, str) else None))))

    def _tell(self, change: tuple[_Change, str] | None) -> None:
        """To the page, and to whoever looks on beside it."""
        if change is None:
            return
        kind, response_id = change
        event = self._named({"type": f"output_audio_buffer.{kind}", "response_id": response_id})
        if self._session is None:
            self._put(json.encode(event))
        else:
            self._session.clients.relay(Relay(event, None))

    def _named(self, event: JsonObject) -> JsonObject:
        self._event_number += 1
        return {"event_id": f"event_channel_{self._event_number}", **event}

    def _put(self, text: str) -> None:
        if self._state == "awaited":
            self._held.append(text)
            if len(self._held) > HELD:
                self._held.clear()
                self._state = "absent"
        elif self._is_open() and not self._send(fitting(text, self._carries)) and self._is_open():
            self._overflow()

    def _is_open(self) -> bool:
        """Asked after sending too: by that the peer may find that the page has closed the channel."""
        return self._state == "open"


_Change = Literal["started", "stopped", "cleared"]


class _Playing:
    """Of which response sound is going out: from its first item's first sound until it is done and drained."""

    def __init__(self) -> None:
        self._responses = Recent[str, str](REMEMBERED)
        self._sounding: dict[str, set[str]] = {}
        """By response: its items whose sound, up to now, has not all gone out."""
        self._done = Recent[str, None](REMEMBERED)

    def learn(self, event: JsonObject) -> tuple[_Change, str] | None:
        """``response.output_item.added`` tells whose an item is, ``response.done`` that no more will come."""
        if event.get("type") == "response.output_item.added":
            self._responses[str(event["item"].get("id"))] = str(event.get("response_id"))
        elif event.get("type") == "response.done":
            response_id = str(event["response"].get("id"))
            self._done[response_id] = None
            return self._stop(response_id)
        return None

    def begin(self, item_id: str) -> tuple[_Change, str] | None:
        """Sound of an item is on its way."""
        response_id = self._responses.get(item_id)
        if response_id is None:
            return None
        first = response_id not in self._sounding
        self._sounding.setdefault(response_id, set()).add(item_id)
        return ("started", response_id) if first else None

    def drain(self, item_id: str) -> tuple[_Change, str] | None:
        """It has gone out."""
        response_id = self._responses.get(item_id)
        if response_id is None or response_id not in self._sounding:
            return None
        self._sounding[response_id].discard(item_id)
        return self._stop(response_id)

    def clear(self) -> list[tuple[_Change, str]]:
        """It never will."""
        cut, self._sounding = list(self._sounding), {}
        return [("cleared", response_id) for response_id in cut]

    def _stop(self, response_id: str) -> tuple[_Change, str] | None:
        if response_id in self._done and self._sounding.get(response_id) == set():
            del self._sounding[response_id]
            return "stopped", response_id
        return None
