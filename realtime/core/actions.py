"""What the core accepts besides upstream events, and what it asks to be done: two closed unions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from realtime.protocol.appserver import Draft, Notification, Shed, TextRole
from realtime.protocol.audio import AudioChunk
from realtime.protocol.ids import CallId, ItemId, TurnId
from realtime.protocol.json import JsonObject
from realtime.protocol.realtime import ClientEvent

CloseReason = Literal[
    "requested",
    "transport_closed",
    "error",
    "session_expired",
    "abandoned",
    "overloaded",
    "store_unavailable",
    "draining",
]


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a connection ended or was never made: a value, not a raise.

    ``code`` is public (``upstream_refused`` or ``upstream_lost``); ``clean`` means a close handshake;
    ``gone`` that the upstream does not know the call, or no longer; ``retry_after_s`` is
    for how long it asked to be left alone.
    """

    message: str
    code: str = "upstream_lost"
    clean: bool = False
    retryable: bool = True
    gone: bool = False
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """Something said, by whom."""

    role: str
    text: str


# -- commands ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The upstream has taken the client's offer; ``answer`` is its SDP."""

    answer: str


@dataclass(frozen=True, slots=True)
class CallRefused:
    """It has not, or could not be reached."""

    loss: Loss


@dataclass(frozen=True, slots=True)
class UpstreamOpened:
    """The connection of this generation is there."""

    generation: int


@dataclass(frozen=True, slots=True)
class UpstreamLost:
    """The connection of this generation has ended, or could not be made."""

    generation: int
    loss: Loss


@dataclass(frozen=True, slots=True)
class AppendText:
    """Typed text. ``respond`` None means: by the modality's custom."""

    text: str
    role: TextRole = "user"
    respond: bool | None = None


@dataclass(frozen=True, slots=True)
class AppendSpeech:
    """The voice is to say this."""

    text: str


@dataclass(frozen=True, slots=True)
class Played:
    """The client's clock: so much of an item was heard."""

    item_id: ItemId
    ms: int


@dataclass(frozen=True, slots=True)
class PlayedTo:
    """Our own peer's clock: ``ms`` of this item were sent, all before it, nothing after it; None: nothing at all."""

    item_id: ItemId | None
    ms: int


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The call's sound has nowhere to go any more; ``clean`` when the person hung up."""

    loss: Loss


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop the answer."""


@dataclass(frozen=True, slots=True)
class AudioBegan:
    """Push to talk: the first sound since the last turn was ended or forgotten."""


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """Push to talk: the key is released."""


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Push to talk: forget it."""


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The hand-off began a turn."""

    call_id: CallId
    turn_id: TurnId


@dataclass(frozen=True, slots=True)
class TurnJoined:
    """The hand-off steers a turn that runs."""

    call_id: CallId
    turn_id: TurnId


@dataclass(frozen=True, slots=True)
class TurnFollowed:
    """A typed turn runs: the voice is to be told what the agent says in it."""

    turn_id: TurnId


@dataclass(frozen=True, slots=True)
class TurnRefused:
    """The hand-off could not be taken; ``message`` says why."""

    call_id: CallId
    message: str


@dataclass(frozen=True, slots=True)
class AgentSaid:
    """A finished message of the agent; ``final`` for a part of the result."""

    turn_id: TurnId
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over; ``output`` is its last result, ``error`` why it failed."""

    turn_id: TurnId
    status: Literal["completed", "failed", "interrupted"]
    output: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ClientJoined:
    """One more client of the Realtime API looks at the session; ``client`` numbers it."""

    client: int


@dataclass(frozen=True, slots=True)
class ClientSent:
    """An event of such a client, as it came: any JSON object.

    The microphone's sound has a way of its own, beside the conversation.
    """

    event: JsonObject
    client: int


@dataclass(frozen=True, slots=True)
class Stop:
    """End the call."""

    reason: CloseReason = "requested"


Command = (
    CallAnswered
    | CallRefused
    | UpstreamOpened
    | UpstreamLost
    | AppendText
    | AppendSpeech
    | Played
    | PlayedTo
    | MediaLost
    | Interrupt
    | AudioBegan
    | CommitAudio
    | ClearAudio
    | TurnStarted
    | TurnJoined
    | TurnFollowed
    | TurnRefused
    | AgentSaid
    | TurnEnded
    | ClientJoined
    | ClientSent
    | Stop
)

# -- actions -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """To the upstream, behind what waits already."""

    event: ClientEvent


@dataclass(frozen=True, slots=True)
class Notify:
    """To the thread's clients, at once."""

    notification: Notification
    shed: Shed = Shed.NEVER


@dataclass(frozen=True, slots=True)
class Relay:
    """A server event to the clients that speak the Realtime API, or to one of them."""

    event: JsonObject
    to: int | None = None
    shed: Shed = Shed.NEVER


@dataclass(frozen=True, slots=True)
class Record:
    """Into the thread's log."""

    draft: Draft


@dataclass(frozen=True, slots=True)
class Play:
    """To the person's ear."""

    chunk: AudioChunk


@dataclass(frozen=True, slots=True)
class Flush:
    """Drop what is not played yet."""

    item_id: ItemId | None = None


@dataclass(frozen=True, slots=True)
class StartOrJoinTurn:
    """Hand ``request`` to the agent; ``lines`` is what was said since it was last told."""

    call_id: CallId
    item_id: ItemId | None
    request: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Dial:
    """Give the client's offer to the upstream after ``delay`` seconds (jitter is added by who does it)."""

    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Open:
    """Make the connection of this generation after ``delay`` seconds (jitter is added by who does it)."""

    generation: int
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Begin:
    """Talk over the connection of this generation from now on, these events first; older ones are closed."""

    generation: int
    events: tuple[ClientEvent, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """The call is over; nothing follows."""

    reason: CloseReason


Action = Send | Notify | Relay | Record | Play | Flush | StartOrJoinTurn | Dial | Open | Begin | Close
