"""What is wrong with a client's event or request, as the Realtime API says it."""

from __future__ import annotations

from realtime.protocol import json
from realtime.protocol.audio import base64_length, is_base64
from realtime.protocol.json import JsonObject

MAX_AUDIO = 15 * 1024 * 1024
"""The Realtime API's bound on the audio of one event, in bytes before base64."""

_KINDS = ((bool, "a boolean"), (str, "a string"), (int, "an integer"), (float, "a decimal"), (list, "an array"))


class Complaint(Exception):
    """A refusal; the session lives on. ``param`` is the path of the member at fault."""

    def __init__(
        self, code: str, message: str, param: str | None = None, *, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind

    @property
    def body(self) -> JsonObject:
        """The ``error`` member of an HTTP answer."""
        return {"type": self.kind, "code": self.code, "message": self.message, "param": self.param}

    def event(self, event_id: str | None) -> JsonObject:
        """The ``error`` event; ``event_id`` is that of the client's event."""
        return {"type": "error", "error": {**self.body, "event_id": event_id}}


def missing(param: str) -> Complaint:
    """A member that must be there is not."""
    return Complaint("missing_required_parameter", f"Missing required parameter: '{param}'.", param)


def wrong_type(param: str, value: object, expected: str) -> Complaint:
    """A member is of another kind."""
    named = next((name for kind, name in _KINDS if isinstance(value, kind)), "null" if value is None else "an object")
    message = f"Invalid type for '{param}': expected {expected}, but got {named} instead."
    return Complaint("invalid_type", message, param)


def parsed(text: str | bytes, what: str = "your event") -> JsonObject:
    """A JSON object from a client; raises ``Complaint``."""
    try:
        return json.decode_object(text)
    except ValueError as error:
        raise Complaint("invalid_json", f"We could not parse {what}: {error}.") from None


def audio_of(event: JsonObject) -> str:
    """The base64 of an ``input_audio_buffer.append``; raises ``Complaint``. Alphabet and padding are checked alone."""
    if "audio" not in event:
        raise missing("audio")
    audio = event["audio"]
    if not isinstance(audio, str):
        raise wrong_type("audio", audio, "a string")
    if base64_length(audio) > MAX_AUDIO or not is_base64(audio):
        raise Complaint("invalid_value", "Invalid 'audio'. Expected base64-encoded audio of at most 15 MiB.", "audio")
    return audio
