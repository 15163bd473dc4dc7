"""What the model answers when a client breaks a rule."""

from __future__ import annotations

from realtime.protocol.json import JsonObject


class Refused(Exception):
    """A client event that cannot be done; the session lives on.

    ``code``, ``message`` and ``param`` are those of the Realtime API's ``error`` event.
    """

    def __init__(self, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param

    def event(self, event_id: str | None) -> JsonObject:
        """The ``error`` event; ``event_id`` is that of the client event at fault, if it had one."""
        return error_event(self.code, self.message, param=self.param, client_event_id=event_id)


def error_event(code: str, message: str, *, param: str | None = None, client_event_id: str | None = None) -> JsonObject:
    """An ``error`` event, not yet numbered."""
    error = {
        "type": "invalid_request_error",
        "code": code,
        "message": message,
        "param": param,
        "event_id": client_event_id,
    }
    return {"type": "error", "error": error}
