"""What the parts of one session share."""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.mock.configuration import Configuration
from realtime.mock.conversation import Conversation
from realtime.mock.hearings import Hearings
from realtime.mock.ids import Ids
from realtime.mock.item import Item
from realtime.mock.mouth import Mouth
from realtime.mock.remote_tools import RemoteTools
from realtime.mock.speech.contracts import Order, Speech
from realtime.mock.timeline import Timeline


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How a model behaves. Times in seconds of the clock that is passed in.

    ``think_s`` pass before a response's first output, ``pace_s`` between its deltas of 200 ms each.
    ``context_tokens`` is the input limit, None for that of the model's name; ``threshold`` replaces the
    session's for voice detection; ``deaf``: no spoken turn holds any words; ``refuse_beta``: a
    session of the beta's shape ends the connection; ``echo``: the beginning of the first spoken answer
    comes back by the microphone.
    """

    model: str = "gpt-realtime"
    session_limit_s: float = 3600.0
    think_s: float = 0.02
    pace_s: float = 0.03
    transcription_delay_s: float = 0.05
    transcription_fails: bool = False
    context_tokens: int | None = None
    requests_per_minute: int = 1_000
    tokens_per_minute: int = 1_000_000
    threshold: float | None = None
    deaf: bool = False
    echo: bool = False
    refuse_beta: bool = True


@dataclass(slots=True)
class SessionState:
    """One session's memory. ``now`` is the time of what is being dealt with; ``orders`` go to engines outside."""

    ids: Ids
    settings: ModelSettings
    speech: Speech
    configuration: Configuration
    conversation: Conversation
    timeline: Timeline
    servers: RemoteTools
    now: float = 0.0
    orders: list[Order] = field(default_factory=list)
    hearings: Hearings = field(init=False)
    mouth: Mouth = field(init=False)

    def __post_init__(self) -> None:
        self.hearings = Hearings(self.orders)
        self.mouth = Mouth(self.speech.synthesizer, self.orders)

    def listen(self, item: Item) -> None:
        """Understand the audio of an item that came without words."""
        if not item.sounds or item.words or self.settings.deaf:
            return
        if self.speech.recognizer is None:
            item.hearing = self.hearings.hear(item.id, item.pcm(), last=True)
        else:
            instructions = self.configuration.instructions
            item.heard = self.speech.recognizer.hear(item.pcm(), instructions=instructions)
