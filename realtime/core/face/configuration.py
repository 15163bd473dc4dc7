"""The session's configuration between a client and the gateway.

Law: a client changes what is not locked, and is shown its own configuration; the upstream is told that
and what is ours: our tools beside the client's (a client's tool of the same name takes the place of ours),
what the voice is to know of the thread behind the instructions, and a transcription, from which the thread
has its words. Only what the upstream accepted is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.core.config import FaceConfig
from realtime.protocol.json import JsonObject

_MERGED = frozenset({("audio",), ("audio", "input"), ("audio", "output")})
"""Objects whose members an update changes one by one; all others are replaced as wholes."""


@dataclass(frozen=True, slots=True)
class Update:
    """A client's update: ``upstream`` is what is sent of it, ``wanted`` what the client is to see."""

    upstream: JsonObject
    wanted: JsonObject
    refused: tuple[str, ...]
    """Paths of locked members that it would have changed."""


class Configuration:
    """``body`` is what every new upstream is told."""

    def __init__(self, config: FaceConfig, body: JsonObject) -> None:
        self._config = config
        self.body = body
        self._instructions = config.instructions
        self._tools: list[JsonObject] = []
        self._transcription_off = False
        self._shown: JsonObject = body
        if config.opening is not None:
            self.accept(self._split(config.opening, ()))
            self._shown = self.body

    # -- what is ours ------------------------------------------------------------------------------

    def is_own(self, name: str | None) -> bool:
        """True for the name of a tool that is ours in this session."""
        return any(tool["name"] == name for tool in self._own_tools(self._tools))

    @property
    def client_tools(self) -> list[JsonObject]:
        """The client's tools."""
        return self._tools

    @property
    def transcription_hidden(self) -> bool:
        """The client wants no transcription: the words go to the thread alone."""
        return self._transcription_off

    @property
    def transcribes(self) -> bool:
        """Whether the upstream tells the words of what it hears."""
        return bool(self._audio("input").get("transcription"))

    @property
    def interrupts(self) -> bool:
        """Whether speech ends the answer."""
        detection = self._audio("input").get("turn_detection") or {}
        return bool(detection) and bool(detection.get("interrupt_response", True))

    def bytes_per_ms(self, side: str) -> int:
        """Of the audio that goes in (``input``) or comes out (``output``)."""
        kind = (self._audio(side).get("format") or {}).get("type")
        return 8 if kind in ("audio/pcmu", "audio/pcma") else 48

    # -- updates -----------------------------------------------------------------------------------

    def update(self, patch: JsonObject) -> Update:
        """What becomes of a client's update; changes nothing yet."""
        return self._split(patch, tuple(self._locked(patch)))

    def _split(self, patch: JsonObject, refused: tuple[str, ...]) -> Update:
        wanted = without(patch, refused)
        wanted.pop("model", None)  # fixed when the session began
        upstream = dict(wanted)
        if isinstance(wanted.get("instructions"), str):
            upstream["instructions"] = self._with_context(wanted["instructions"])
        if isinstance(wanted.get("tools"), list):
            upstream["tools"] = [*wanted["tools"], *self._own_tools(wanted["tools"])]
        heard = _member(wanted, ("audio", "input"))
        if isinstance(heard, dict) and heard.get("transcription", 0) is None:
            ours = {**heard, "transcription": self._config.transcription}
            upstream["audio"] = {**wanted["audio"], "input": ours}
        return Update(upstream, wanted, refused)

    def accept(self, update: Update) -> None:
        """The upstream has accepted it."""
        self.body = merged(self.body, update.upstream)
        self._instructions = update.wanted.get("instructions", self._instructions)
        self._tools = update.wanted.get("tools", self._tools)
        heard = _member(update.wanted, ("audio", "input"))
        if isinstance(heard, dict) and "transcription" in heard:
            self._transcription_off = heard["transcription"] is None

    def changes_in(self, response: JsonObject) -> list[str]:
        """Paths of locked members that a ``response.create`` would change for itself."""
        return list(self._locked(response))

    # -- what is shown -----------------------------------------------------------------------------

    def effective(self, session: JsonObject) -> None:
        """What the upstream says that holds."""
        self._shown = session

    def view(self) -> JsonObject:
        """The session as the client sees it."""
        session = {name: value for name, value in self._shown.items() if name != "expires_at"}
        session["id"] = self._config.session_id
        session["object"] = "realtime.session"
        session.setdefault("model", self._config.model)
        if session.get("type") == "realtime":
            session["instructions"] = self._instructions
            own = {tool["name"] for tool in self._own_tools(self._tools)}
            tools = _member(session, ("tools",))
            shown = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
            session["tools"] = [tool for tool in shown if tool.get("name") not in own]
        heard = _member(session, ("audio", "input"))
        if self._transcription_off and isinstance(heard, dict):
            session["audio"] = {**session["audio"], "input": {**heard, "transcription": None}}
        session["voxgate"] = {"thread_id": self._config.thread_id}
        return session

    # -- inside ------------------------------------------------------------------------------------

    def _audio(self, side: str) -> JsonObject:
        part = _member(self.body, ("audio", side))
        return part if isinstance(part, dict) else {}

    def _own_tools(self, theirs: list[JsonObject]) -> list[JsonObject]:
        names = {tool.get("name") for tool in theirs if isinstance(tool, dict)}
        return [tool for tool in self._config.tools if tool["name"] not in names]

    def _with_context(self, instructions: str) -> str:
        return "\n\n".join(part for part in (instructions, self._config.context) if part)

    def _locked(self, patch: JsonObject) -> list[str]:
        """Paths of locked members whose value is another than the one that holds."""
        paths = [path for lock, members in LOCKS.items() if lock in self._config.locks for path in members]
        view = self.view()
        found = []
        for path in paths:
            wanted = _member(patch, path, default=_ABSENT)
            if wanted is not _ABSENT and wanted != _member(view, path):
                found.append(".".join(path))
        return found


_ABSENT = object()

LOCKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "instructions": (("instructions",), ("prompt",)),
    "tools": (("tools",), ("tool_choice",), ("parallel_tool_calls",)),
    "voice": (("audio", "output", "voice"),),
    "model": (("model",),),
}
"""What an operator may lock, with the members of a session that each stands for."""


def merged(values: JsonObject, patch: JsonObject, path: tuple[str, ...] = ()) -> JsonObject:
    """The session with an update in it, as the API merges."""
    result = dict(values)
    for name, value in patch.items():
        where = (*path, name)
        both = where in _MERGED and isinstance(value, dict)
        result[name] = merged(values.get(name) or {}, value, where) if both else value
    return result


def without(patch: JsonObject, paths: tuple[str, ...]) -> JsonObject:
    """A copy that lacks the members at these paths."""
    result = dict(patch)
    for path in paths:
        head, _, rest = path.partition(".")
        if not rest:
            result.pop(head, None)
        elif isinstance(result.get(head), dict):
            result[head] = without(result[head], (rest,))
    return result


def _member(values: JsonObject, path: tuple[str, ...], default: object = None) -> object:
    found: object = values
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return default
        found = found[name]
    return found
