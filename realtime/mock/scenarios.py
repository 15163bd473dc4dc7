"""Situations with a name: a script, settings and faults that provoke one kind of trouble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from realtime.errors import ConfigurationError
from realtime.mock import wrappers
from realtime.mock.host import MockHost
from realtime.mock.model import ModelSettings
from realtime.mock.reply import Script
from realtime.mock.wrappers import Change, Changed
from realtime.protocol import json
from realtime.protocol.json import JsonObject

_DONE = "response.done"
_SOUND = "response.output_audio.delta"
_TRANSCRIPT = "conversation.item.input_audio_transcription"


@dataclass(frozen=True, slots=True)
class Scenario:
    """``about`` is the line that ``--list-scenarios`` prints; the script that was chosen is changed."""

    about: str
    settings: ModelSettings = field(default_factory=ModelSettings)
    faults: tuple[JsonObject, ...] = ()
    change: Change | None = None
    heartbeat_s: float | None = None

    def script(self, chosen: Script) -> Script:
        """The script to run."""
        return chosen if self.change is None else Changed(chosen, self.change)

    def prepare(self, host: MockHost) -> None:
        """Put settings and faults in their place."""
        host.settings = self.settings
        host.heartbeat_s = self.heartbeat_s
        for fault in self.faults:
            host.faults.add(fault)


def _fault(fault: str, event: str | None = None, *, on: str = "server", times: int = 0, **args: object) -> JsonObject:
    """A fault on every event of a type; on ``times`` of them where a number is given."""
    match = {"match": {"type": event}} if event is not None else {}
    return {"fault": fault, "on": on, "times": times, "args": args, **match}


_HARMLESS = json.encode(
    {
        "type": "error",
        "event_id": "event_harmless",
        "error": {
            "type": "invalid_request_error",
            "code": "response_cancel_not_active",
            "message": "Cancellation failed: no active response found",
            "param": None,
            "event_id": None,
        },
    }
)

SCENARIOS: Mapping[str, Scenario] = {
    "active-response-race": Scenario(
        "response.created comes late: whoever asks for another response meanwhile is refused",
        faults=(_fault("delay", "response.created", seconds=0.4),),
    ),
    "double-creation": Scenario(
        "response.created and response.done each come twice",
        faults=(_fault("double", "response.created"), _fault("double", _DONE)),
    ),
    "endless-response": Scenario("a response never ends by itself", change=wrappers.endless),
    "lost-done": Scenario("the first response.done is lost", faults=(_fault("lose", _DONE, times=1),)),
    "harmless-error": Scenario(
        "within each response comes an error that harms nothing: there was nothing to cancel",
        faults=(_fault("garbage", "response.output_item.added", text=_HARMLESS),),
    ),
    "truncate-too-far": Scenario(
        "audio comes slower than it plays: whoever truncates by the clock is refused",
        settings=ModelSettings(pace_s=1.0),
    ),
    "all-at-once": Scenario(
        "a whole answer comes in an instant: what was received was not heard yet",
        settings=ModelSettings(think_s=0.0, pace_s=0.0),
    ),
    "touchy-ears": Scenario(
        "the faintest sound counts as speech and interrupts: echoes, chairs, breath",
        settings=ModelSettings(threshold=0.0),
    ),
    "late-transcription": Scenario(
        "what the user said is transcribed three seconds late, after the answer",
        settings=ModelSettings(transcription_delay_s=3.0),
    ),
    "failed-transcription": Scenario(
        "no spoken turn can be transcribed", settings=ModelSettings(transcription_fails=True)
    ),
    "missing-transcription": Scenario(
        "a transcript neither comes nor fails",
        faults=tuple(_fault("lose", f"{_TRANSCRIPT}.{end}") for end in ("delta", "completed")),
    ),
    "empty-transcription": Scenario(
        "each spoken turn is a cough: its transcript is empty", settings=ModelSettings(deaf=True)
    ),
    "text-without-sound": Scenario("words come, their audio does not", faults=(_fault("lose", _SOUND),)),
    "session-cap": Scenario("the session ends after ten seconds", settings=ModelSettings(session_limit_s=10.0)),
    "dropped-connection": Scenario(
        "the connection breaks in the middle of the first answer", faults=(_fault("drop", _SOUND, times=1),)
    ),
    "half-open": Scenario(
        "from the first answer on nothing moves, and the connection stays",
        faults=(_fault("half_open", "response.created", times=1),),
    ),
    "abrupt-close": Scenario(
        "the first answer ends with close code 1011",
        faults=(_fault("close", _DONE, times=1, code=1011, reason="internal error"),),
    ),
    "slow-tool": Scenario("the model takes three seconds before each function call", change=wrappers.slow_calls),
    "impatient": Scenario("whoever answers no ping within half a second is dropped", heartbeat_s=1.0),
    "double-call": Scenario("each function is called twice", change=wrappers.double_calls),
    "unanswered-call": Scenario(
        "the model says nothing as long as a function call has no output", change=wrappers.mute_until_answered
    ),
    "corrected-call": Scenario(
        "each function is called twice: with half of what was said, and again with all of it",
        change=wrappers.corrected_calls,
    ),
    "own-voice": Scenario(
        "the room has an echo: the model hears itself, breaks off, and answers its own words",
        settings=ModelSettings(echo=True),
    ),
    "dead-air": Scenario("the first answer falls silent after its first words, for a minute", change=wrappers.dead_air),
    "forgotten": Scenario(
        "the connection breaks as the second question comes: a new session knows nothing of the first",
        faults=({**_fault("drop", "conversation.item.create", on="client", times=1), "nth": 2},),
    ),
    "slow-answer": Scenario("five seconds pass before each answer", settings=ModelSettings(think_s=5.0)),
    "repeated-audio": Scenario("each piece of audio comes twice", faults=(_fault("double", _SOUND),)),
    "reordered": Scenario(
        "the first words of an answer come before the part they belong to",
        faults=(_fault("reorder", "response.content_part.added"),),
    ),
    "sideband-404": Scenario(
        "a call cannot be joined at first: two attempts are answered 404",
        faults=(_fault("refuse", "sideband", on="upgrade", times=2, status=404),),
    ),
    "sideband-refused": Scenario(
        "no call can be joined: each attempt is answered 403",
        faults=(_fault("refuse", "sideband", on="upgrade", status=403),),
    ),
    "call-refused": Scenario(
        "every call is refused with 403", faults=(_fault("refuse", "call", on="upgrade", status=403),)
    ),
    "call-unavailable": Scenario(
        "the first two calls are refused with 503 and Retry-After",
        faults=(_fault("refuse", "call", on="upgrade", times=2, status=503, retryAfter=1),),
    ),
    "no-location": Scenario(
        "a call is answered without the header that says where it is",
        faults=(_fault("location", "call", on="upgrade", text=""),),
    ),
    "odd-location": Scenario(
        "a call is answered with an address that names no call",
        faults=(_fault("location", "call", on="upgrade", text="https://calls.example/v1/realtime/calls/?region=eu"),),
    ),
    "dropped-call": Scenario(
        "the first call is hung up as its first answer begins",
        faults=(_fault("hang_up", "output_audio_buffer.started", times=1),),
    ),
    "slow-start": Scenario(
        "it takes three seconds to connect", faults=(_fault("delay", "session", on="upgrade", seconds=3.0),)
    ),
    "refused-key": Scenario("every key is wrong: 401", faults=(_fault("refuse", on="upgrade", status=401),)),
    "too-many-requests": Scenario(
        "the first two connections are refused with 429 and Retry-After",
        faults=(_fault("refuse", on="upgrade", times=2, status=429, retryAfter=1),),
    ),
    "rate-limited": Scenario(
        "two responses a minute: those beyond fail", settings=ModelSettings(requests_per_minute=2)
    ),
    "no-quota": Scenario(
        "every response fails for lack of quota",
        change=wrappers.failing("insufficient_quota", "You exceeded your current quota."),
    ),
    "large-frames": Scenario(
        "before each response.done comes a frame of two MiB", faults=(_fault("oversized", _DONE, bytes=2_097_152),)
    ),
    "garbage": Scenario("before each response.done comes a frame that is no JSON", faults=(_fault("garbage", _DONE),)),
}


def find_scenario(name: str) -> Scenario:
    """A scenario by name; raises ``ConfigurationError``."""
    if name not in SCENARIOS:
        known = ", ".join(SCENARIOS)
        raise ConfigurationError(f"--scenario: not one of {known}: {name}", setting="--scenario")
    return SCENARIOS[name]
