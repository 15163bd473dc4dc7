"""A page's data channel that is never opened, is closed, or comes back: the call is its sound's, and goes on."""

from __future__ import annotations

import json
from typing import Any

from realtime.protocol.appserver import Shed
from realtime.session.data_channel import HELD, DataChannel


class Carrier:
    """The peer's end of the channel."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.takes = True
        self.overflows = 0
        self.longest = 1000
        self.channel = DataChannel(self._send, lambda text: len(text) <= self.longest, self._overflow)

    def _send(self, text: str) -> bool:
        if self.takes:
            self.sent.append(text)
        return self.takes

    def _overflow(self) -> None:
        self.overflows += 1

    def relay(self, **event: Any) -> None:
        self.channel.relay(json.dumps(event), Shed.NEVER)

    @property
    def kinds(self) -> list[str]:
        return [json.loads(text)["type"] for text in self.sent]


def test_a_page_that_opens_no_channel_keeps_its_call() -> None:
    carrier = Carrier()
    for number in range(3 * HELD):
        carrier.relay(type="session.updated", number=number)
    assert carrier.overflows == 0


def test_an_event_that_the_channel_cannot_carry_is_cut_short_and_ends_nothing() -> None:
    carrier = Carrier()
    carrier.channel.opened()
    said = {"type": "input_audio", "audio": "x" * 2000, "transcript": "hello"}
    item = {"id": "i1", "type": "message", "role": "user", "content": [said]}
    carrier.relay(type="conversation.item.retrieved", event_id="e1", item=item)
    carrier.relay(type="response.done", event_id="e2", response={"id": "r1", "output": ["y" * 2000]})
    retrieved, error = map(json.loads, carrier.sent)
    assert retrieved["item"]["content"] == [{"type": "input_audio", "transcript": "hello"}]
    assert (error["type"], error["event_id"]) == ("error", "e2")
    assert error["error"]["message"].endswith(": response.done")
    assert carrier.overflows == 0


def test_events_wait_for_the_channel_to_open() -> None:
    carrier = Carrier()
    carrier.relay(type="session.created")
    assert carrier.sent == []
    carrier.channel.opened()
    assert carrier.kinds == ["session.created"]


def test_a_channel_that_is_closed_takes_nothing_and_ends_nothing_and_may_open_again() -> None:
    carrier = Carrier()
    carrier.channel.opened()
    carrier.takes = False
    carrier.channel.shut()
    for _ in range(3 * HELD):
        carrier.relay(type="session.updated")
    assert carrier.overflows == 0
    carrier.takes = True
    carrier.channel.opened()
    carrier.relay(type="session.updated", again=True)
    assert [json.loads(text) for text in carrier.sent] == [{"type": "session.updated", "again": True}]


def test_a_channel_that_is_full_ends_the_call() -> None:
    carrier = Carrier()
    carrier.channel.opened()
    carrier.takes = False
    carrier.relay(type="session.updated")
    assert carrier.overflows == 1


def test_a_response_of_two_items_has_stopped_when_the_last_of_them_has_gone_out() -> None:
    carrier = Carrier()
    carrier.channel.opened()
    for item_id in ("item_1", "item_2"):
        carrier.relay(type="response.output_item.added", response_id="resp_1", item={"id": item_id})
        carrier.channel.plays(item_id)
    carrier.relay(type="response.done", response={"id": "resp_1"})
    carrier.channel.played("item_1")
    assert "output_audio_buffer.stopped" not in carrier.kinds
    carrier.channel.played("item_2")
    assert carrier.kinds.count("output_audio_buffer.started") == 1
    assert carrier.kinds[-1] == "output_audio_buffer.stopped"
