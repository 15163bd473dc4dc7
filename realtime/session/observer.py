"""What operators are told of a call: its figures, and log lines with ids, codes and what clients are told of errors.

Words of the talk and sound never come here.
"""

from __future__ import annotations

import logging

from realtime.core import actions as act
from realtime.protocol.appserver import Notification
from realtime.protocol.ids import SessionId
from realtime.protocol.realtime import ResponseCreate, ResponseCreated, ResponseDone, ServerEvent, SpeechStopped
from realtime.telemetry import Telemetry

log = logging.getLogger(__name__)

_CODE_CHARS = 64
_MESSAGE_CHARS = 500
"""Codes and messages of errors may be the upstream's own; so much of one is logged, quoted. Keys are blotted out."""


class Observer:
    """Looks on; changes nothing. ``now`` is the loop's clock, in seconds."""

    def __init__(self, session_id: SessionId, telemetry: Telemetry) -> None:
        self._session_id = session_id
        self._telemetry = telemetry
        self._asked_at: float | None = None
        self._answering = False
        self._lost_at: float | None = None
        self._waits = False

    def heard(self, event: ServerEvent, *, now: float) -> None:
        """An event of the upstream, before the conversation acts on it."""
        match event:
            case SpeechStopped():  # from here on the person waits for what voice detection begins
                self._ask(now)
            case ResponseCreated() if not event.response.is_out_of_band:
                self._answering = self._asked_at is not None
            case ResponseDone() if self._answering and not event.response.is_out_of_band:
                self._asked_at, self._answering = None, False  # it had no audio

    def did(self, action: act.Action, *, now: float) -> None:
        """An action of the conversation."""
        match action:
            case act.Play():
                if self._answering and self._asked_at is not None:
                    self._telemetry.first_audio(now - self._asked_at)
                    self._asked_at, self._answering = None, False
            case act.Send(ResponseCreate()):
                self._ask(now)
            case act.Notify():
                self._told(action.notification, now)

    def _ask(self, now: float) -> None:
        self._asked_at, self._answering = now, False

    def _told(self, notification: Notification, now: float) -> None:
        params = notification.params
        match notification.method:
            case "thread/realtime/state":
                self._state(active=bool(params["responseActive"]), wanted=bool(params["responseWanted"]))
            case "thread/realtime/error":
                code = str(params["code"])[:_CODE_CHARS]
                message = str(params["message"])[:_MESSAGE_CHARS]
                log.warning("call %s: error %r: %r", self._session_id, code, message)
            case "thread/realtime/reconnecting":
                if self._lost_at is None:
                    self._lost_at = now
                self._asked_at = None
                log.warning("call %s: the upstream is lost, attempt %s", self._session_id, params["attempt"])
            case "thread/realtime/resumed":
                self._resumed(now)

    def _state(self, *, active: bool, wanted: bool) -> None:
        if active and wanted and not self._waits:
            self._telemetry.response_queued()
        self._waits = wanted

    def _resumed(self, now: float) -> None:
        if self._lost_at is None:
            log.info("call %s: moved to a new upstream connection", self._session_id)
            return
        seconds, self._lost_at = now - self._lost_at, None
        self._telemetry.reconnected(seconds)
        log.info("call %s: the upstream is back after %.2f s", self._session_id, seconds)
