"""The JSON-RPC door's table: method → params → one coroutine of the gateway → result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeVar

from realtime.gateway import Gateway, Outgoing, Sink
from realtime.protocol import appserver as app
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from realtime.server.strands import Work


class Answer(NamedTuple):
    """A result, and what goes on beside later calls once the result is on its way to the client."""

    result: JsonObject
    then: Work | None = None


class Pace(Enum):
    """How a call is ordered among the others of its connection and thread."""

    ORDERED = "ordered"
    """After what came before it; may wait for the store."""
    OPENING = "opening"
    """Ordered, and sound waits for it: it decides where the sound goes."""
    SOUND = "sound"
    """Never waits for the store: done at once, unless an opening call is before it."""


P = TypeVar("P", bound=app.Params)
Handler = Callable[[Gateway, Sink, P], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Method:
    """A row: ``subscribes`` says that the connection is subscribed to the named thread before the call.

    ``unsubscribes``: it is not any longer afterwards.
    """

    params: type[app.Params]
    handler: Handler[Any]
    summary: str
    pace: Pace = Pace.ORDERED
    subscribes: bool = False
    unsubscribes: bool = False


async def _thread_start(gateway: Gateway, sink: Sink, params: app.ThreadStartParams) -> Answer:
    thread = await gateway.library.start(params)
    shown: JsonObject = {"thread": thread.to_json()}

    async def subscribe() -> None:
        sink.notify(Outgoing("thread/started", json.encode(shown)))
        await gateway.threads.subscribe(thread.id, sink)

    return Answer(shown, subscribe)


async def _thread_read(gateway: Gateway, sink: Sink, params: app.ThreadReadParams) -> Answer:
    return Answer({"thread": await gateway.read_thread(params)})


async def _thread_list(gateway: Gateway, sink: Sink, params: app.ThreadListParams) -> Answer:
    page = await gateway.library.page(params)
    return Answer({"data": [thread.to_json() for thread in page.threads], "nextCursor": page.next_cursor})


async def _thread_archive(gateway: Gateway, sink: Sink, params: app.ThreadParams) -> Answer:
    return Answer({"thread": (await gateway.library.archive(params.thread_id)).to_json()})


async def _thread_resume(gateway: Gateway, sink: Sink, params: app.ThreadResumeParams) -> Answer:
    resumption = await gateway.prepare_resume(params, sink)
    thread = resumption.thread
    shown = thread.to_json()
    if resumption.realtime is not None:
        shown["realtime"] = resumption.realtime
    result: JsonObject = {
        "thread": shown,
        "seq": thread.seq,
        "epoch": thread.epoch,
        "resumed": resumption.resumed,
    }
    if resumption.reason is not None:
        result["reason"] = resumption.reason
    return Answer(result, lambda: gateway.threads.replay(resumption, sink))


async def _thread_unsubscribe(gateway: Gateway, sink: Sink, params: app.ThreadParams) -> Answer:
    return Answer({"status": gateway.unsubscribe(params.thread_id, sink)})


async def _turn_start(gateway: Gateway, sink: Sink, params: app.TurnStartParams) -> Answer:
    return Answer({"turn": (await gateway.start_turn(params)).to_json()})


async def _turn_steer(gateway: Gateway, sink: Sink, params: app.TurnSteerParams) -> Answer:
    turn = await gateway.steer_turn(params)
    return Answer({"turnId": turn.id, "turn": turn.to_json()})


async def _turn_interrupt(gateway: Gateway, sink: Sink, params: app.TurnInterruptParams) -> Answer:
    await gateway.interrupt_turn(params)
    return Answer({})


async def _realtime_start(gateway: Gateway, sink: Sink, params: app.RealtimeStartParams) -> Answer:
    await gateway.calls.start(params, sink)
    return Answer({})


async def _append_audio(gateway: Gateway, sink: Sink, params: app.AppendAudioParams) -> Answer:
    gateway.calls.append_audio(params.thread_id, params.audio)
    return Answer({})


async def _append_text(gateway: Gateway, sink: Sink, params: app.AppendTextParams) -> Answer:
    seq = await gateway.calls.append_text(params)
    return Answer({"seq": seq} if seq is not None else {})


async def _append_speech(gateway: Gateway, sink: Sink, params: app.AppendSpeechParams) -> Answer:
    gateway.append_speech(params)
    return Answer({})


async def _interrupt(gateway: Gateway, sink: Sink, params: app.ThreadParams) -> Answer:
    gateway.interrupt_realtime(params.thread_id)
    return Answer({})


async def _commit_audio(gateway: Gateway, sink: Sink, params: app.ThreadParams) -> Answer:
    gateway.end_utterance(params.thread_id, commit=True)
    return Answer({})


async def _clear_audio(gateway: Gateway, sink: Sink, params: app.ThreadParams) -> Answer:
    gateway.end_utterance(params.thread_id, commit=False)
    return Answer({})


async def _played(gateway: Gateway, sink: Sink, params: app.PlayedParams) -> Answer:
    gateway.played(params)
    return Answer({})


async def _realtime_stop(gateway: Gateway, sink: Sink, params: app.ThreadParams) -> Answer:
    await gateway.calls.stop(params.thread_id)
    return Answer({})


async def _list_voices(gateway: Gateway, sink: Sink, params: app.NoParams) -> Answer:
    return Answer(
        {
            "voices": {
                "v1": list(app.V1_VOICES),
                "v2": list(app.V2_VOICES),
                "defaultV1": app.DEFAULT_VOICE["v1"],
                "defaultV2": app.DEFAULT_VOICE["v2"],
            }
        }
    )


def _ordered(params: type[P], handler: Handler[P], summary: str) -> Method:
    return Method(params, handler, summary)


def _subscribing(params: type[P], handler: Handler[P], summary: str, pace: Pace = Pace.ORDERED) -> Method:
    return Method(params, handler, summary, pace, subscribes=True)


APPEND_AUDIO = "thread/realtime/appendAudio"

METHODS: dict[str, Method] = {
    "thread/start": _ordered(app.ThreadStartParams, _thread_start, "Make a thread and subscribe to it"),
    "thread/read": _ordered(app.ThreadReadParams, _thread_read, "A thread with its items, in spoken order"),
    "thread/list": _ordered(app.ThreadListParams, _thread_list, "Threads, newest first"),
    "thread/archive": _ordered(app.ThreadParams, _thread_archive, "Put a thread away; it stays readable"),
    "thread/resume": _ordered(app.ThreadResumeParams, _thread_resume, "Subscribe, from a position on"),
    "thread/unsubscribe": Method(
        app.ThreadParams, _thread_unsubscribe, "Hear nothing more of a thread", Pace.OPENING, unsubscribes=True
    ),
    "turn/start": _subscribing(app.TurnStartParams, _turn_start, "Give the background agent a typed task"),
    "turn/steer": _subscribing(app.TurnSteerParams, _turn_steer, "Tell the running turn more"),
    "turn/interrupt": _subscribing(app.TurnInterruptParams, _turn_interrupt, "Stop the running turn"),
    "thread/realtime/start": _subscribing(app.RealtimeStartParams, _realtime_start, "Begin a call", Pace.OPENING),
    APPEND_AUDIO: _subscribing(app.AppendAudioParams, _append_audio, "A piece of the microphone's sound", Pace.SOUND),
    "thread/realtime/appendText": _subscribing(app.AppendTextParams, _append_text, "Say something in writing"),
    "thread/realtime/appendSpeech": _subscribing(app.AppendSpeechParams, _append_speech, "Ask the model to say this"),
    "thread/realtime/interrupt": _subscribing(app.ThreadParams, _interrupt, "Stop the answer", Pace.SOUND),
    "thread/realtime/commitAudio": _subscribing(
        app.ThreadParams, _commit_audio, "Push to talk: the utterance is complete", Pace.SOUND
    ),
    "thread/realtime/clearAudio": _subscribing(
        app.ThreadParams, _clear_audio, "Push to talk: forget the utterance", Pace.SOUND
    ),
    "thread/realtime/played": _subscribing(app.PlayedParams, _played, "How much of an item was heard", Pace.SOUND),
    "thread/realtime/stop": _subscribing(app.ThreadParams, _realtime_stop, "End the call", Pace.OPENING),
    "thread/realtime/listVoices": _ordered(app.NoParams, _list_voices, "Voices by version, and the defaults"),
}
