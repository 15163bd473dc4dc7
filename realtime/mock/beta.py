"""The beta of the Realtime API, which is gone: how its clients are told, and what they are known by."""

from __future__ import annotations

from collections.abc import Mapping

from realtime.mock.refusal import Refused
from realtime.protocol.json import JsonObject

BETA_REFUSED = "beta_api_shape_disabled"
BETA_CLOSE = 4000
BETA_MESSAGE = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
_HEADER = "realtime=v1"
_PROTOCOL = "openai-beta.realtime-v1"
_FLAT = frozenset(
    {
        "modalities",
        "voice",
        "input_audio_format",
        "output_audio_format",
        "input_audio_transcription",
        "input_audio_noise_reduction",
        "turn_detection",
        "temperature",
        "max_response_output_tokens",
    }
)


def asks_for_beta(headers: Mapping[str, str]) -> bool:
    """True for the handshake of a client of the beta."""
    offered = [each.strip() for each in headers.get("Sec-WebSocket-Protocol", "").split(",")]
    return _HEADER in headers.get("OpenAI-Beta", "") or _PROTOCOL in offered


def check_shape(session: JsonObject) -> None:
    """Raises ``Refused`` for a session of the beta: flat members, and no type."""
    if "type" not in session and _FLAT & session.keys():
        raise Refused(BETA_REFUSED, BETA_MESSAGE, param=None)
