"""Ears and mouth for the sessions of this process: what is installed, and for how many it is enough."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import assert_never

from realtime.mock.speech.contracts import Forget, Hear, Hush, Order, Report, Speech, Utter, VoiceDetector
from realtime.mock.speech.decoders import Decoders, prove
from realtime.mock.speech.energy import EnergyDetector
from realtime.mock.speech.listening import Deaf, Listening
from realtime.mock.speech.model_folder import recognition_model
from realtime.mock.speech.places import Place, Places
from realtime.mock.speech.silero import SileroDetector, graph
from realtime.mock.speech.speaking import Saying, Speaker

log = logging.getLogger(__name__)

NO_RECOGNISER = "No recogniser is installed, so speech has no words: install the extra `speech`, or type."


class Studio:
    """What all sessions share. ``sessions`` spoken ones have a place at a time.

    ``folder`` holds the operator's own model for recognition. Raises ``ConfigurationError`` where it cannot be used.
    """

    def __init__(self, sessions: int, folder: Path | None = None) -> None:
        self._places = Places(sessions)
        self._detects = find_spec("onnxruntime") is not None
        self.model = recognition_model(folder) if folder is not None else None
        """The operator's; None: the demonstration's."""
        self._decoders = Decoders(sessions, folder) if self.model or find_spec("pocketsphinx") is not None else None
        self._speaker = Speaker()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load, start and at the end stop everything; raises ``ConfigurationError`` for a model that does not load."""
        if self.model is not None:
            await prove(self.model)
        self._detects = self._detects and _loads_graph()
        async with asyncio.TaskGroup() as group:
            if self._decoders is not None:
                self._decoders.begin(group)
            try:
                await self._speaker.open()
                yield
            finally:
                await self._speaker.close()
                if self._decoders is not None:
                    await self._decoders.close()

    @property
    def description(self) -> str:
        """What is used, for the line that ``serve`` prints."""
        detector = "silero" if self._detects else "loudness"
        voice = self._speaker.engine or "tones with a transcript"
        missing = self._decoders is None or not self._detects or self._speaker.engine is None
        hint = " (the extra `speech` is not installed, or not whole)" if missing else ""
        return f"ears: {detector}, {self._recogniser}; mouth: {voice}{hint}"

    @property
    def _recogniser(self) -> str:
        if self.model is not None:
            return self.model.description
        return "pocketsphinx" if self._decoders is not None else "no recogniser, so no words"

    @contextmanager
    def place(self, thread: str, *, audio: bool) -> Iterator[SessionEngines]:
        """Ears and mouth for a session; raises ``Overloaded``.

        A session that answers in sound takes a place, and its recogniser is made ready at once. One that answers
        in writing takes a recogniser only when somebody speaks to it. Sessions of one thread, of which one is
        about to take over from the other, share a place.
        """
        place = Place(self._places, thread)
        if audio:
            place.take()
        detector = SileroDetector() if self._detects else EnergyDetector()
        try:
            yield SessionEngines(detector, self._listening(place, audio=audio), Saying(self._speaker))
        finally:
            place.leave()

    def _listening(self, place: Place, *, audio: bool) -> Listening | Deaf:
        if self._decoders is None:
            return Deaf(NO_RECOGNISER)
        return Listening(self._decoders, place, early=audio)


def _loads_graph() -> bool:
    try:
        graph()
    except ImportError as error:
        log.warning("voice detection goes by loudness: onnxruntime does not load: %s", error)
        return False
    return True


class SessionEngines:
    """Ears and mouth of one session."""

    def __init__(self, detector: VoiceDetector, listening: Listening | Deaf, saying: Saying) -> None:
        self._listening = listening
        self._saying = saying
        self.speech = Speech(detector, None, None)

    def take(self, order: Order) -> None:
        """Take an order; never waits."""
        match order:
            case Hear() | Forget():
                self._listening.take(order)
            case Utter() | Hush():
                self._saying.take(order)
            case _:
                assert_never(order)

    async def run(self, tell: Callable[[Report], Awaitable[None]]) -> None:
        """Carry the orders out until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listening.run(tell))
            group.create_task(self._saying.run(tell))
