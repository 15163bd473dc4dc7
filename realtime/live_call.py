"""One live call with what belongs to it alone: its session, its sound, its name, and the call at the upstream."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from realtime.errors import GatewayError, SessionNotFound, UpstreamClosed, UpstreamError
from realtime.lanes import Sink, ThreadLane
from realtime.protocol.appserver import Notification, RealtimeStartParams
from realtime.protocol.ids import ThreadId
from realtime.protocol.json import JsonObject
from realtime.session.intake import Intake
from realtime.session.media import ClientAudio
from realtime.session.medium import Medium
from realtime.session.owner import Session
from realtime.session.peer_audio import PeerAudio
from realtime.session.signalling import CALL_PREFIX, UpstreamCall
from realtime.session.upstream import Opener

E = TypeVar("E", bound=GatewayError)


@dataclass(frozen=True, slots=True)
class Makers:
    """What calls are made of, by the voice model's name where that matters."""

    opener: Callable[[str], Opener]
    call: Callable[[str, RealtimeStartParams], UpstreamCall]
    peer: Callable[[], PeerAudio]


class LiveCall:
    """``sink`` is the client that began it and gets its audio; None where it came by a request of HTTP."""

    def __init__(
        self,
        session: Session,
        lane: ThreadLane,
        sink: Sink | None,
        *,
        offer: str | None,
        upstream: UpstreamCall | None,
    ) -> None:
        self.session = session
        self.lane = lane
        self.offer = offer
        self.id = f"{CALL_PREFIX}{secrets.token_hex(16)}"
        """Names the call to clients, where its resource has to be hard to guess."""
        self.etag = f'"{secrets.token_hex(8)}"'
        self.upstream = upstream
        self.intake = Intake()
        self.ended = asyncio.Event()
        self.alone_since: float | None = None
        self.answer: str | None = None
        self.failure: GatewayError | None = None
        """Why it never came to be, as far as is known."""
        self._settled = asyncio.Event()
        self._by_request = sink is None

    @property
    def thread_id(self) -> ThreadId:
        """The thread that it writes into."""
        return self.lane.thread.id

    @property
    def peer(self) -> PeerAudio | None:
        """Our own peer, where the gateway answers."""
        return self.session.media if isinstance(self.session.media, PeerAudio) else None

    @property
    def medium(self) -> Medium:
        """How its sound travels."""
        if self.peer is not None:
            return "gateway"
        if self.upstream is None:
            return "chunks"
        return "upstream" if self.offer is not None else "existing"

    @property
    def chunks(self) -> ClientAudio | None:
        """The way of audio by messages."""
        return self.session.media if isinstance(self.session.media, ClientAudio) else None

    @property
    def has_person(self) -> bool:
        """True while somebody may be talking though nobody watches the thread."""
        if self.peer is not None:
            return self.peer.is_live
        return self.upstream is not None and self._by_request

    # -- its beginning ---------------------------------------------------------------------------------

    async def answered(self) -> str:
        """The answer to the offer, once there is one; raises why there is none."""
        await self._settled.wait()
        if self.answer is None:
            raise self.failure or UpstreamClosed("the call ended before it was answered", close_code=None, clean=True)
        return self.answer

    def accept(self, answer: str) -> None:
        """There is an answer."""
        self.answer = answer
        self._settled.set()

    def fail(self, error: E) -> E:
        """Note why there will be none, unless it is tried again; returns the error."""
        self.failure = error
        return error

    def finish(self) -> None:
        """It is over: nobody waits for it any longer."""
        self._settled.set()
        self.ended.set()

    async def answer_offer(self) -> None:
        """Have our own peer answer, and tell the thread at once; raises ``OfferRefused``."""
        if self.peer is None or self.offer is None:
            return
        self.accept(await self.peer.answer(self.offer))
        params = {"threadId": self.thread_id, "sdp": self.answer}
        self.lane.live(Notification("thread/realtime/sdp", params))

    async def dial(self) -> str:
        """Have the upstream answer; raises ``UpstreamError``."""
        if self.upstream is None:
            raise SessionNotFound("no call to make")
        try:
            return await self.upstream.dial(self.session.config)
        except UpstreamError as error:
            raise self.fail(error) from None

    # -- its state -------------------------------------------------------------------------------------

    def status(self) -> JsonObject:
        """For humans."""
        media = self.session.media.status()
        named = {"callId": self.id} if self.offer is not None else {}
        return {**self.session.status(), "medium": self.medium, **named, **({"media": media} if media else {})}
