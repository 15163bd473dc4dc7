"""Situations with a name: a script, settings and faults that provoke one kind of trouble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from realtime.errors import ConfigurationError
from realtime.mock.host import MockHost
from realtime.mock.model import ModelSettings
from realtime.mock.reply import Call, Context, Reply, Script
from realtime.protocol.json import JsonObject


@dataclass(frozen=True, slots=True)
class Scenario:
    """``about`` is the line that ``--list-scenarios`` prints; the script that was chosen is wrapped."""

    about: str
    settings: ModelSettings = field(default_factory=ModelSettings)
    faults: tuple[JsonObject, ...] = ()
    wrap: Callable[[Script], Script] | None = None

    def script(self, chosen: Script) -> Script:
        """The script to run."""
        return chosen if self.wrap is None else self.wrap(chosen)

    def prepare(self, host: MockHost) -> None:
        """Put settings and faults in their place."""
        host.settings = self.settings
        for fault in self.faults:
            host.faults.add(fault)


class _Endless:
    """Begins each response and never ends it: only ``response.cancel`` does."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def reply(self, context: Context) -> Reply:
        return replace(self._script.reply(context), endless=True)


class _SlowCalls:
    """Thinks three seconds before each function call."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def reply(self, context: Context) -> Reply:
        reply = self._script.reply(context)
        calls = any(isinstance(part, Call) for part in reply.parts)
        return replace(reply, after_s=reply.after_s + 3.0) if calls else reply


SCENARIOS: dict[str, Scenario] = {
    "late-transcription": Scenario(
        "what the user said is transcribed three seconds late, after the answer",
        settings=ModelSettings(transcription_delay_s=3.0),
    ),
    "failed-transcription": Scenario(
        "no spoken turn can be transcribed", settings=ModelSettings(transcription_fails=True)
    ),
    "endless-response": Scenario("a response never ends by itself", wrap=_Endless),
    "session-cap": Scenario("the session ends after ten seconds", settings=ModelSettings(session_limit_s=10.0)),
    "active-response-race": Scenario(
        "response.created comes late: whoever asks for another response meanwhile is refused",
        faults=(
            {
                "fault": "delay",
                "on": "server",
                "match": {"type": "response.created"},
                "times": 0,
                "args": {"seconds": 0.4},
            },
        ),
    ),
    "slow-tool": Scenario("the model takes three seconds before each function call", wrap=_SlowCalls),
    "garbage": Scenario(
        "before each response.done comes a frame that is no JSON",
        faults=({"fault": "garbage", "on": "server", "match": {"type": "response.done"}, "times": 0},),
    ),
}


def find_scenario(name: str) -> Scenario:
    """A scenario by name; raises ``ConfigurationError``."""
    if name not in SCENARIOS:
        known = ", ".join(SCENARIOS)
        raise ConfigurationError(f"--scenario: not one of {known}: {name}", setting="--scenario")
    return SCENARIOS[name]
