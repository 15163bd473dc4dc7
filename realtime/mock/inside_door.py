"""The door to the mock's inside, for tests: sessions, faults, the clock, events from outside."""

from __future__ import annotations

from aiohttp import web

from realtime.mock import edge
from realtime.mock.host import MockHost
from realtime.mock.refusal import Refused
from realtime.mock.schema import number, record

_ADVANCE = record({"advance": number(0, 1e9)})


class InsideDoor:
    """``/_mock/…``; it asks for no key."""

    def __init__(self, host: MockHost) -> None:
        self._host = host

    def routes(self) -> list[web.RouteDef]:
        """What it answers."""
        return [
            web.get("/_mock/sessions", self._sessions),
            web.post("/_mock/push", self._push),
            web.get("/_mock/clock", self._clock),
            web.post("/_mock/clock", self._advance),
            web.get("/_mock/faults", self._list_faults),
            web.post("/_mock/faults", self._add_fault),
            web.delete("/_mock/faults", self._clear_faults),
            web.delete("/_mock/faults/{id}", self._remove_fault),
        ]

    async def _sessions(self, request: web.Request) -> web.Response:
        del request
        return edge.json_answer({"sessions": self._host.sessions()})

    async def _push(self, request: web.Request) -> web.Response:
        body = await edge.body_of(request)
        event, session = body.get("event"), body.get("session")
        if not isinstance(event, dict) or not isinstance(session, str):
            raise Refused("invalid_value", "A push needs a 'session' and an 'event'.")
        session_id = self._host.push(session, event)
        if session_id is None:
            return edge.error(404, "session_not_found", f"No live session '{session}'.", param="session")
        return edge.json_answer({"session": session_id})

    async def _clock(self, request: web.Request) -> web.Response:
        del request
        return edge.json_answer({"now": self._host.clock.now()})

    async def _advance(self, request: web.Request) -> web.Response:
        body = await edge.body_of(request)
        _ADVANCE(body, "")
        return edge.json_answer({"now": self._host.advance(body["advance"])})

    async def _list_faults(self, request: web.Request) -> web.Response:
        del request
        return edge.json_answer({"faults": self._host.faults.to_json()})

    async def _add_fault(self, request: web.Request) -> web.Response:
        return edge.json_answer({"id": self._host.faults.add(await edge.body_of(request)).id}, status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        del request
        self._host.faults.clear()
        return web.Response(status=204)

    async def _remove_fault(self, request: web.Request) -> web.Response:
        fault_id = request.match_info["id"]
        if self._host.faults.remove(fault_id):
            return web.Response(status=204)
        return edge.error(404, "fault_not_found", f"No fault '{fault_id}'.")
