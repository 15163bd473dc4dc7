"""Calls by offer and answer, for doors of requests: each is a resource with a name, as RFC 9725 (WHIP) shapes it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from realtime.calls import Calls
from realtime.errors import InvalidRequest, OfferRefused, SessionNotFound
from realtime.live_call import LiveCall
from realtime.protocol import json
from realtime.protocol.appserver import MAX_OFFER, RealtimeStartParams, Shed
from realtime.protocol.complaint import Complaint
from realtime.protocol.ids import SessionId, ThreadId
from realtime.protocol.json import JsonObject
from realtime.session.face import FaceParams
from realtime.session.ice_servers import IceServer, issued
from realtime.settings import IceServerSettings

VERDICT_S = 5.0
"""How long the voice model may take to judge a session before its call is answered all the same."""
END_S = 3.0
"""How long a call that is hung up may take to end before its client is answered."""

_UFRAG = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: ``call_id`` names the call, ``etag`` its ICE session."""

    sdp: str
    call_id: str
    etag: str
    session_id: SessionId


class _Verdict:
    """Hears whether the voice model takes the session that came with an offer: a client that only listens."""

    def __init__(self) -> None:
        self._settled = asyncio.Event()
        self._complaint: Complaint | None = None

    def relay(self, text: str, shed: Shed) -> None:
        """``session.created``, or the error that ends the call."""
        event = json.decode_object(text)
        if event["type"] == "error":
            self._complaint = _complaint(event["error"])
        elif event["type"] == "session.created":
            self._complaint = None
            self._settled.set()

    def ended(self, reason: str) -> None:
        """The call is over."""
        self._settled.set()

    async def accepted(self) -> None:
        """Raises ``Complaint`` when it does not; one that is not told in time is as good as none."""
        with suppress(TimeoutError):
            async with asyncio.timeout(VERDICT_S):
                await self._settled.wait()
        if self._settled.is_set() and self._complaint is not None:
            raise self._complaint


def _complaint(error: JsonObject) -> Complaint:
    code, message = error.get("code") or "invalid_value", error.get("message") or "the session was refused"
    return Complaint(code, message, error.get("param"), kind=error.get("type") or "invalid_request_error")


class Offers:
    """Every method raises only ``GatewayError``s, or ``Complaint`` for a session that the voice model refuses."""

    def __init__(self, calls: Calls, servers: Sequence[IceServerSettings] = ()) -> None:
        self._calls = calls
        self._servers = servers

    def ice_servers(self) -> list[IceServer]:
        """STUN and TURN servers for one client, with credentials of its own."""
        return issued(self._servers, now=time.time())

    async def take(self, params: RealtimeStartParams, face: FaceParams | None = None) -> Answered:
        """Begin a call with an offer; returns as soon as that is answered, be it by the upstream or by ourselves.

        A session that came with it is judged by the voice model; an upstream that answers does both at once.
        When the wait is cancelled, the call ends.
        """
        call = await self._calls.place(params, None, face)
        verdict = _Verdict()
        try:
            if face is not None and face.opening is not None and call.peer is not None:
                listener = call.session.clients.join(verdict)
                await verdict.accepted()
                call.session.clients.leave(listener)
            answer = await call.answered()
        except BaseException:
            await call.session.stop("requested")
            raise
        return Answered(answer, call.id, call.etag, call.session.config.session_id)

    async def trickle(self, thread_id: ThreadId, call_id: str, fragment: str) -> None:
        """Candidates that come after the offer (RFC 8840).

        An upstream that answers learns the client's from its checks, so that there nothing is left to do.
        Raises ``OfferRefused`` for what is no fragment, ``InvalidRequest`` for an ICE restart.
        """
        call = self._find(thread_id, call_id)
        if len(fragment) > MAX_OFFER or "a=" not in fragment:
            raise OfferRefused("Invalid request: no SDP fragment")
        if call.peer is not None:
            await call.peer.add_candidates(fragment)
            return
        known = set(_UFRAG.findall(call.offer or ""))
        if known and set(_UFRAG.findall(fragment)) - known:
            raise InvalidRequest("Invalid request: ICE restarts are not done: make a new call")

    def etag(self, thread_id: ThreadId, call_id: str) -> str:
        """That of the call's ICE session."""
        return self._find(thread_id, call_id).etag

    async def hang_up(self, thread_id: ThreadId, call_id: str) -> None:
        """End the call; once that is answered the call is found no more, unless it is slow to end."""
        call = self._find(thread_id, call_id)
        await call.session.stop("requested")
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await call.ended.wait()

    def _find(self, thread_id: ThreadId, call_id: str) -> LiveCall:
        call = self._calls.find(thread_id, call_id)
        if call is None or call.offer is None:
            raise SessionNotFound("no such call")
        return call
