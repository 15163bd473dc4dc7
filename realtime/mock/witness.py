"""What went over the wires of a mock, kept in memory, and waiting for it from other threads."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import BaseModel

from realtime.mock.journal import Journal
from realtime.protocol import json
from realtime.protocol.json import JsonObject

Sender = Literal["client", "server"]
Model = TypeVar("Model", bound=BaseModel)

_LONGEST_SHOWN = 160


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: when (Unix seconds), by which connection (``c1``, ``c2``, …), from whom, and its event.

    What is no JSON object has the kind ``""`` and its text as ``event["text"]``.
    """

    t: float
    conn: str
    sender: Sender
    kind: str
    event: JsonObject

    def to(self, model: type[Model]) -> Model:
        """The event as an object of a pydantic class, ``openai.types.realtime``'s for example.

        Raises pydantic's ``ValidationError`` when the client sent something else.
        """
        return model.model_validate(self.event)

    def __str__(self) -> str:
        text = json.encode(self.event)
        shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        return f"{self.conn} {'→' if self.sender == 'client' else '←'} {shown}"


class Witness(Journal):
    """A log in memory. The mock writes in its thread; any other reads and waits."""

    def __init__(self) -> None:
        super().__init__(None)
        self._frames: list[Frame] = []
        self._changed = threading.Condition()

    def write(self, conn: str, direction: Sender, text: str) -> None:
        """Note a frame and wake who waits."""
        try:
            event = json.decode_object(text)
        except ValueError:
            event = {"text": text}
        kind = event.get("type")
        with self._changed:
            self._frames.append(Frame(time.time(), conn, direction, kind if isinstance(kind, str) else "", event))
            self._changed.notify_all()

    def frames(self, sender: Sender | None = None, kind: str | None = None) -> list[Frame]:
        """All so far, in order; of one sender or one type where named."""
        with self._changed:
            return self._select(sender, kind)

    def wait(self, sender: Sender, kind: str, count: int, timeout: float) -> list[Frame]:
        """The first ``count`` of a type, once they are there; raises ``TimeoutError`` with what came instead."""
        with self._changed:
            if self._changed.wait_for(lambda: len(self._select(sender, kind)) >= count, timeout):
                return self._select(sender, kind)[:count]
            seen = ", ".join(frame.kind for frame in self._select(sender, None)) or "nothing"
        raise TimeoutError(f"no {count} × {kind} from the {sender} within {timeout:g} s; it sent: {seen}")

    def _select(self, sender: Sender | None, kind: str | None) -> list[Frame]:
        return [f for f in self._frames if sender in (None, f.sender) and kind in (None, f.kind)]


def type_of(kind: str | type[BaseModel]) -> str:
    """The wire name: itself, or the one that a pydantic class allows as ``type``.

    Raises ``TypeError`` for a class that does not say.
    """
    if isinstance(kind, str):
        return kind
    allowed: tuple[object, ...] = ()
    if (member := kind.model_fields.get("type")) is not None:
        allowed = getattr(member.annotation, "__args__", ())
    if len(allowed) != 1 or not isinstance(allowed[0], str):
        raise TypeError(f"{kind.__name__} is not the class of one event: it has no literal 'type'")
    return allowed[0]
