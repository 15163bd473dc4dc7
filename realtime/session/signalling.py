"""A WebRTC call that the upstream answers: made with the client's offer, joined by its sideband, hung up.

The media runs between the client and the upstream and never comes here. A call that was made is hung up by
whoever made it, exactly once, unless the upstream has said that it is over: what is left running is paid for.
"""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import quote, urlsplit, urlunsplit

from realtime.core.config import SessionConfig
from realtime.errors import UpstreamConnectFailed, UpstreamError, UpstreamRejected
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from realtime.session.blotter import Blotter
from realtime.session.upstream import UpstreamConnection, connected, credentials, realtime_url
from realtime.settings import UpstreamSettings
from transports import http
from transports.errors import ConnectFailed

log = logging.getLogger(__name__)

MAX_SDP_BYTES = 65_536
MAX_CALL_ID = 256
SHOWN_CHARS = 500
"""So much of an upstream's refusal is told."""
HANG_UP_S = 5.0
"""How long one request to hang up may take."""
CALL_PREFIX = "rtc_"


class UpstreamCall:
    """One call: to be made with ``offer``, or made by the client already and known by ``call_id``."""

    def __init__(
        self,
        settings: UpstreamSettings,
        *,
        model: str,
        max_bytes: int,
        offer: str = "",
        call_id: str | None = None,
    ) -> None:
        self._settings = settings
        self._model = model
        self._max_bytes = max_bytes
        self._offer = offer
        self._call_id = call_id
        self._made: SessionConfig | None = None
        self._sideband: UpstreamConnection | None = None
        self._is_gone = False

    async def dial(self, config: SessionConfig) -> str:
        """Give the offer to the upstream; the answer. Raises ``UpstreamError``.

        Also when it raises there may be a call, to be hung up.
        """
        key, headers = credentials(self._settings, config)
        session = json.encode({**config.session, "model": self._model})
        parts = (
            http.Part("sdp", "application/sdp", self._offer.encode()),
            http.Part("session", "application/json", session.encode()),
        )
        reply = await self._post(calls_url(self._settings.calls_base), headers, parts)
        if not 200 <= reply.status < 300:
            raise _rejected(reply, key)
        self._call_id = call_id_of(reply.location)
        if self._call_id is None:
            raise _Unusable("the upstream answered the call without a usable Location")
        self._made = config
        return _answer(reply)

    async def open(self, config: SessionConfig) -> UpstreamConnection:
        """Join the call by a sideband; raises ``UpstreamError``."""
        url = realtime_url(self._settings.base_url, version=config.version, call_id=self._call_id or "")
        try:
            self._sideband = await connected(url, self._settings, config, max_bytes=self._max_bytes)
        except UpstreamRejected as error:  # a call that was never joined may only be too new to be known
            self._is_gone = error.status == 410 or (error.status == 404 and self._sideband is not None)
            raise
        return self._sideband

    async def hang_up(self) -> None:
        """End the call at the upstream, if it was made here and is not over; never raises ``UpstreamError``."""
        config, self._made = self._made, None
        if config is None or self._call_id is None or self._is_over:
            return
        url = calls_url(self._settings.calls_base, f"/{quote(self._call_id, safe='')}/hangup")
        for attempt in range(1 + self._settings.retries):
            if attempt:
                await asyncio.sleep(config.reconnect.delay(attempt))
            try:
                async with asyncio.timeout(HANG_UP_S):
                    reply = await self._post(url, credentials(self._settings, config)[1])
            except (UpstreamError, TimeoutError) as error:
                log.info("call %s: hanging up: %s", config.session_id, error)
                continue
            if reply.status < 500:
                return
        log.warning("call %s: could not be hung up", config.session_id)

    @property
    def _is_over(self) -> bool:
        """The upstream has said so: by a plain good-bye on the sideband, or by not knowing the call any longer."""
        return self._is_gone or (self._sideband is not None and self._sideband.closed_with == 1000)

    async def _post(self, url: str, headers: dict[str, str], parts: tuple[http.Part, ...] = ()) -> http.Reply:
        try:
            return await http.post(
                url,
                headers=headers,
                parts=parts,
                timeout_s=self._settings.connect_timeout_s,
                max_bytes=MAX_SDP_BYTES,
            )
        except ConnectFailed as error:
            raise UpstreamConnectFailed(str(error)) from None


class _Unusable(UpstreamError):
    """An answer that no call can be held with; trying again would make a second call."""

    code = "upstream_refused"


def calls_url(base_url: str, rest: str = "") -> str:
    """Where calls are made: ``/realtime/calls`` below the base, ``/v1`` first where that has no path."""
    parts = urlsplit(base_url)
    path = (parts.path.rstrip("/") or "/v1").removesuffix("/realtime")
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/realtime/calls{rest}", parts.query, ""))


def call_id_of(location: str | None) -> str | None:
    """The id in a ``Location``: of its segments, the last that begins with ``rtc_`` and is longer."""
    path = (location or "").partition("?")[0].partition("#")[0]
    for segment in reversed(path.split("/")):
        if segment.startswith(CALL_PREFIX) and len(CALL_PREFIX) < len(segment) <= MAX_CALL_ID:
            return segment
    return None


def _answer(reply: http.Reply) -> str:
    """The body as SDP; raises ``UpstreamError`` for what no client can use."""
    try:
        answer = reply.body.decode()
    except UnicodeDecodeError:
        answer = ""
    if not reply.whole or not answer.startswith("v="):
        raise _Unusable("the upstream's answer is no SDP")
    return answer


def _rejected(reply: http.Reply, key: str | None) -> UpstreamRejected:
    """A refusal, with the upstream's words when the request was at fault."""
    message = f"the upstream refused the call: unexpected status {reply.status}"
    fault = None
    if 400 <= reply.status < 500:
        words = str(Blotter(key).blot(reply.body.decode(errors="replace")))
        shown = " ".join(words.split())[:SHOWN_CHARS]
        message = f"{message}: {shown}" if shown else message
        fault = _fault(words)
    retry_after_ms = int(reply.retry_after * 1000) if reply.retry_after is not None else None
    return UpstreamRejected(message, status=reply.status, retry_after_ms=retry_after_ms, fault=fault)


def _fault(body: str) -> JsonObject | None:
    """The API's ``error`` object, where the body holds one."""
    try:
        error = json.decode_object(body).get("error")
    except ValueError:
        return None
    return error if isinstance(error, dict) and isinstance(error.get("message"), str) else None
