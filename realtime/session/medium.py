"""How the sound of a call travels, by what the client asked and the operator set, and whether an offer can be one."""

from __future__ import annotations

import re
from typing import Literal

from realtime.errors import InvalidRequest, OfferRefused
from realtime.protocol.appserver import MAX_OFFER, RealtimeStartParams
from realtime.settings import SessionSettings, UpstreamSettings

Medium = Literal["chunks", "upstream", "existing", "gateway"]
"""By messages of the client's · between the client and the upstream, which answers its offer · so, in a call that the
client made · by a WebRTC peer of our own."""

OPTIONS = ("prompt", "voice", "model", "turn_detection", "include_startup_context", "version")
"""What a session is begun with; that of an existing call has begun."""
_ODD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
"""Control characters, and halves of characters, which have no bytes."""


def medium(params: RealtimeStartParams, upstream: UpstreamSettings, session: SessionSettings) -> Medium:
    """The way of this call; raises ``InvalidRequest`` for one that cannot be gone."""
    transport = params.transport
    if transport is None or transport.type == "websocket":
        return "chunks"
    if transport.type == "existingCall":
        _check_existing(params, upstream)
        return "existing"
    if transport.sdp is None:
        raise InvalidRequest("Invalid request: missing field `transport.sdp`", field="transport.sdp")
    check_offer(transport.sdp)
    wanted = transport.answered_by or ("gateway" if upstream.embedded else session.webrtc)
    if wanted == "upstream" and upstream.embedded:
        raise InvalidRequest(
            "Invalid request: the embedded voice model does not answer offers; the gateway does",
            field="transport.answeredBy",
        )
    return wanted


def check_offer(sdp: str) -> None:
    """Refuse what is not even the beginning of an offer (RFC 8866); whoever answers judges the rest.

    Raises ``OfferRefused``.
    """
    if len(sdp) > MAX_OFFER or len(sdp.encode(errors="replace")) > MAX_OFFER:
        raise OfferRefused(f"Invalid request: the offer is longer than {MAX_OFFER} bytes", field="transport.sdp")
    if not sdp.strip():
        raise OfferRefused("Invalid request: the offer is empty", field="transport.sdp")
    if not sdp.startswith("v=0") or _ODD.search(sdp):
        raise OfferRefused("Invalid request: the offer is no session description", field="transport.sdp")


def _check_existing(params: RealtimeStartParams, upstream: UpstreamSettings) -> None:
    if params.transport is None or params.transport.call_id is None:
        raise InvalidRequest("Invalid request: missing field `transport.callId`", field="transport.callId")
    if upstream.embedded:
        raise InvalidRequest("Invalid request: the embedded voice model has no calls", field="transport.type")
    for name in OPTIONS:
        if name in params.model_fields_set:
            shown = type(params).model_fields[name].alias or name
            raise InvalidRequest(
                f"Invalid request: `{shown}` cannot be set for an existing call: its session has begun", field=shown
            )
