"""What is wrong with a client's event or request, as the Realtime API says it."""

from __future__ import annotations

from realtime.protocol.json import JsonObject


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
