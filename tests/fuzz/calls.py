"""Calls of a client: every method with good params, then mutated and damaged."""

from __future__ import annotations

import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from tests.fuzz.oddities import JsonObject, Raw, damaged, dumps, mutated, odd_value

MAX_DEPTH = 64
KEPT_THREADS = 6
TASKS = ("what is 2+2", "remember that the code is blue", "set a timer for 1 second", "10 km in miles", "stop")
SAID = ("hello", "please ask the agent what time it is", "stay silent", "please count to five", "")
AUDIO = (b64encode(bytes(480)).decode(), b64encode(b"\x01\x7f" * 240).decode(), b64encode(bytes(5)).decode(), "")
BAD_AUDIO = ("?", "AAA", "AAAA=", "=AAA", "AA=A", "A" * 40_001, "\u20ac" * 4, "AAAA\n", "_-__", " AAA")
RATES = (24_000, 8_000, 16_000, 48_000, 44_100, 96_000, 7_999, 11_025)


@dataclass(frozen=True)
class Frame:
    """A message to the gateway: ``kind`` says what was done to it."""

    kind: str
    data: bytes
    text: bool = True


@dataclass
class Vocabulary:
    """What a client knows: ``threads`` are shared with other clients, so some are foreign to it."""

    random: Random
    threads: list[str] = field(default_factory=list)
    prefix: str = ""
    _number: int = 0

    def frame(self) -> Frame:
        """The next message: good, mutated, or damaged."""
        method = self.random.choice(list(METHODS))
        self._number += 1
        message: JsonObject = {"id": self._id(), "method": method, "params": METHODS[method](self)}
        chance = self.random.random()
        if chance < 0.4:
            return Frame(method, dumps(message))
        if chance < 0.8:
            part = self.random.choice(("params", "params", "params", "whole"))
            if part == "params" and message["params"]:
                message["params"] = mutated(message["params"], self.random, self.random.randint(1, 2))
            else:
                message = mutated(message, self.random)
            return Frame(f"{method}, mutated {part}", dumps(message), text=self.random.random() < 0.95)
        name, data = damaged(dumps(message), self.random)
        return Frame(name, data, text=self.random.random() < 0.9)

    def thread(self) -> str:
        """A thread id: mostly one that there is."""
        chance = self.random.random()
        if self.threads and chance < 0.85:
            return self.random.choice(self.threads)
        if chance < 0.93:
            return str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        known = self.threads[-1] if self.threads else "0"
        return self.random.choice(
            ("", "x", known.upper(), known[:-1], f"{{{known}}}", known.replace("-", ""), "0" * 36)
        )

    def _id(self) -> Any:
        """Mostly a number; each is used once, so that an answer belongs to one call."""
        chance = self.random.random()
        if chance < 0.8:
            return self._number
        if chance < 0.95:
            return f"{self.prefix}{self._number}"
        return self.random.choice(
            (f"{self._number}" + "i" * 20_000, Raw(f"{2**63 + self._number}"), odd_value(self.random))
        )

    def input(self) -> list[JsonObject]:
        """What a typed turn is given."""
        return [{"type": "text", "text": self.random.choice(TASKS)} for _ in range(self.random.randint(1, 2))]

    def audio(self) -> JsonObject:
        """A chunk of sound, sometimes a wrong one."""
        wrong = self.random.random() < 0.25
        audio: JsonObject = {
            "data": self.random.choice(BAD_AUDIO if wrong else AUDIO),
            "sampleRate": self.random.choice(RATES),
            "numChannels": self.random.choice((1, 1, 2, 8)),
        }
        if self.random.random() < 0.3:
            audio["samplesPerChannel"] = self.random.choice((0, 240, 10**9))
        return audio


def _start(known: Vocabulary) -> JsonObject:
    params: JsonObject = {"threadId": known.thread(), "outputModality": known.random.choice(("text", "audio"))}
    options: JsonObject = {
        "prompt": known.random.choice((None, "", "Be brief.", "\u202e{{x}}{% raw %}")),
        "voice": known.random.choice(("marin", "cove", "nobody", None)),
        "version": known.random.choice(("v1", "v2")),
        "transport": known.random.choice(({"type": "websocket"}, {"type": "webrtc", "sdp": "v=0"}, None)),
        "turnDetection": known.random.choice((None, {}, {"type": "server_vad"}, {"type": 5})),
        "includeStartupContext": known.random.choice((True, False)),
        "sessionId": "s" * known.random.choice((1, 256, 257)),
        "model": "gpt-realtime",
    }
    return {
        **params,
        **{name: options[name] for name in known.random.sample(list(options), known.random.randint(0, 2))},
    }


def _of_thread(known: Vocabulary) -> JsonObject:
    return {"threadId": known.thread()}


METHODS: dict[str, Callable[[Vocabulary], JsonObject]] = {
    "initialize": lambda known: {"clientInfo": {"name": "fuzz", "version": "0"}},
    "initialized": lambda known: {},
    "thread/start": lambda known: {"name": known.random.choice(("talk", "", "n" * 500, "n" * 501))},
    "thread/read": lambda known: {"threadId": known.thread(), "includeTurns": known.random.random() < 0.5},
    "thread/list": lambda known: {"limit": known.random.randint(0, 3), "archived": known.random.random() < 0.3},
    "thread/archive": _of_thread,
    "thread/unsubscribe": _of_thread,
    "thread/resume": lambda known: {
        "threadId": known.thread(),
        "afterSeq": known.random.choice((0, 1, 5, 10**6, 2**63, -1)),
        "audio": known.random.random() < 0.5,
    },
    "turn/start": lambda known: {"threadId": known.thread(), "input": known.input(), "clientMetadata": {"a": "b"}},
    "turn/steer": lambda known: {"threadId": known.thread(), "input": known.input()},
    "turn/interrupt": _of_thread,
    "thread/realtime/start": _start,
    "thread/realtime/appendAudio": lambda known: {"threadId": known.thread(), "audio": known.audio()},
    "thread/realtime/appendText": lambda known: {
        "threadId": known.thread(),
        "text": known.random.choice(SAID),
        "role": known.random.choice(("user", "assistant", "developer", "system")),
        "respond": known.random.choice((True, False, None)),
    },
    "thread/realtime/appendSpeech": lambda known: {"threadId": known.thread(), "text": known.random.choice(SAID)},
    "thread/realtime/interrupt": _of_thread,
    "thread/realtime/commitAudio": _of_thread,
    "thread/realtime/clearAudio": _of_thread,
    "thread/realtime/played": lambda known: {
        "threadId": known.thread(),
        "itemId": known.random.choice(("item_1", "", "i" * 300)),
        "playedMs": known.random.choice((0, 100, 86_400_000, 86_400_001)),
    },
    "thread/realtime/stop": _of_thread,
    "thread/realtime/listVoices": lambda known: {},
    "no/such": lambda known: {},
}

Expected = tuple[bool, str | int | None]


def expected_answer(data: bytes) -> Expected:
    """Whether the message is to be answered, and by which id: the envelope's rules, written down a second time."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return True, None
    if not isinstance(value, dict) or _depth(value) > MAX_DEPTH:
        return True, None
    if value.get("method") is None and ("result" in value or "error" in value):
        return False, None
    call_id = value.get("id")
    good_id = isinstance(call_id, (str, int)) and not isinstance(call_id, bool)
    params = value.get("params")
    good = isinstance(value.get("method"), str) and (params is None or isinstance(params, dict))
    if good and call_id is None:
        return False, None
    return True, call_id if good_id else None


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            inner
            for node in level
            if isinstance(node, (dict, list))
            for inner in (node.values() if isinstance(node, dict) else node)
            if isinstance(inner, (dict, list))
        ]
    return depth
