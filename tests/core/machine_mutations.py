"""Defects put into the core on purpose: the state machine has to find each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from realtime.core import history, playback
from realtime.core.actions import Flush
from realtime.core.answer import Answer
from realtime.core.call import Call
from realtime.core.delegation import Delegation
from realtime.core.doubles import Doubles
from realtime.core.handoffs import Handoffs
from realtime.core.hearing import Hearing
from realtime.core.history import History
from realtime.core.items import ThreadItems
from realtime.core.playback import Playback
from realtime.core.responses import ResponseQueue
from realtime.core.transcript import Transcript
from realtime.core.upstreams import Upstreams

Mutation = Callable[[pytest.MonkeyPatch], None]


def _instead(owner: Any, name: str, result: Any) -> Mutation:
    """The method does nothing but return ``result``."""
    return lambda patch: patch.setattr(owner, name, lambda *_args, **_known: result)


def _around(owner: Any, name: str, body: Callable[..., Any]) -> Mutation:
    """The method becomes ``body``, which is given the old one first."""
    old = getattr(owner, name)
    return lambda patch: patch.setattr(owner, name, lambda *args, **known: body(old, *args, **known))


def _any_end_frees(old: Any, queue: Any, response_id: Any, **known: Any) -> Any:
    del response_id
    return old(queue, None, **known)


def _without_flush(old: Any, call: Any, action: Any) -> None:
    if not isinstance(action, Flush):
        old(call, action)


def _forget_cuts(old: Any, answer: Any, event: Any) -> None:
    answer._cuts.clear()
    answer._silenced = None
    for track in answer._call.playback._tracks.values():
        track.cut = None
    old(answer, event)


def _answered_or_not(old: Any, handoffs: Any, call_id: Any) -> bool:
    del old
    return call_id in handoffs._unanswered


def _answer_twice(old: Any, call: Any, call_id: Any, output: str) -> None:
    old(call, call_id, output)
    call.handoffs._unanswered.add(call_id)
    old(call, call_id, output)


def _leave_wish(old: Any, queue: Any, *, now: float) -> bool:
    del old, now
    queue._asked = False
    queue._settle()
    return False


def _lose_wish(old: Any, queue: Any, *, again: bool) -> None:
    del again
    old(queue, again=False)
    queue.wanted = False


def _forget_doubt(old: Any, queue: Any, *, now: float) -> bool:
    again: bool = old(queue, now=now)
    queue.doubts.settle()
    return again


def _take_half_calls(old: Any, delegation: Any, item: Any) -> None:
    old(delegation, item.model_copy(update={"status": "completed"}))


def _past_deadline(patch: pytest.MonkeyPatch) -> None:
    def deadline(upstreams: Any) -> Any:
        return upstreams._switch_at if upstreams._standby is not None else upstreams._prepare_at

    patch.setattr(Upstreams, "deadline", property(deadline))


def _open_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ThreadItems, "is_open", lambda items, item_id: item_id in items._items)
    patch.setattr(ThreadItems, "open_items", lambda items: list(items._items.values()))


def _more_than_arrived(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(playback._Track, "received", property(lambda track: int(track.samples_ms) + 100))


QUICK = frozenset(
    {
        "a refusal is forgotten",
        "truncated past what arrived",
        "nothing is flushed",
        "audio is played after its flush",
        "a call is answered twice",
        "a line ends as often as it is told",
        "nothing is told again",
        "doubles count",
        "a deadline that has passed is named again",
    }
)
"""Those that are looked for every day."""

MUTATIONS: dict[str, Mutation] = {
    "any response's end frees the queue": _around(ResponseQueue, "finished", _any_end_frees),
    "a refusal is forgotten": _instead(ResponseQueue, "refused", None),
    "a wish goes down with its connection": _around(ResponseQueue, "lost", _lose_wish),
    "a wish given up on a dead connection is forgotten": _around(ResponseQueue, "expired", _forget_doubt),
    "a denial leaves the next wish lying": _around(ResponseQueue, "denied", _leave_wish),
    "asked to speak while the person does": _instead(ResponseQueue, "hold", None),
    "speech that has ended holds wishes back": _instead(ResponseQueue, "release", False),
    "truncated past what arrived": _more_than_arrived,
    "nothing is flushed": _around(Call, "emit", _without_flush),
    "audio is played after its flush": _around(Answer, "audio_delta", _forget_cuts),
    "old audio is truncated on a new connection": _instead(Playback, "retire", None),
    "an answer is not known to be given": _around(Handoffs, "answer", _answered_or_not),
    "a call is answered twice": _around(Call, "answer", _answer_twice),
    "half a call is handed over": _around(Delegation, "called", _take_half_calls),
    "a line ends as often as it is told": _instead(Transcript, "done", True),
    "an item ends as often as it is told": _open_for_ever,
    "what is under way at the end never ends": _instead(Hearing, "cut_off", None),
    "nothing is told again": _instead(History, "replay", []),
    "outputs are told without their calls": lambda patch: patch.setattr(history, "_without_orphans", lambda all_: all_),
    "doubles count": _instead(Doubles, "has", False),
    "a deadline that has passed is named again": _past_deadline,
    "any moment is quiet": _instead(Upstreams, "_is_quiet", True),
}
