"""The person cuts in: what is not played is dropped, and the upstream is told what was heard."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from realtime.core import actions as act
from realtime.protocol.ids import ItemId
from tests.core.driver import Driver


def chunk(ms: int) -> str:
    """Base64 of so many milliseconds of silence at 24 kHz."""
    return base64.b64encode(bytes(48 * ms)).decode()


def speaking(ms: int = 1000, **changes: Any) -> Driver:
    """A response whose item ``a1`` has sent ``ms`` of audio."""
    driver = Driver(**changes)
    driver.begin_answer()
    audio(driver, ms)
    return driver


def audio(driver: Driver, ms: int, item: str = "a1", response: str = "r1") -> None:
    """Audio of an answer arrives."""
    driver.receive("response.output_audio.delta", delta=chunk(ms), item_id=item, response_id=response)


def finish(driver: Driver, text: str = "one two three four") -> None:
    """The answer is complete."""
    driver.receive("response.output_audio_transcript.done", transcript=text, item_id="a1", response_id="r1")
    item = {"id": "a1", "type": "message", "role": "assistant", "status": "completed"}
    driver.receive("conversation.item.done", item=item)
    driver.receive("response.done", response={"id": "r1", "status": "completed"})


def cut_in(driver: Driver, *, after: float = 0.0, item: str = "u1") -> None:
    """The person begins to speak, some seconds later."""
    driver.now += after
    driver.receive("input_audio_buffer.speech_started", item_id=item)


def truncations(driver: Driver) -> list[tuple[str, int]]:
    """(item, ms) of each truncation sent."""
    return [
        (event["item_id"], event["audio_end_ms"])
        for event in driver.sent
        if event["type"] == "conversation.item.truncate"
    ]


def test_the_answer_is_cut_where_the_clock_says() -> None:
    driver = speaking(1000)
    cut_in(driver, after=0.4)
    assert truncations(driver) == [("a1", 400)]
    assert driver.of(act.Flush) == [act.Flush(ItemId("a1"))]


def test_never_past_what_arrived() -> None:
    driver = speaking(300)
    cut_in(driver, after=5)
    assert truncations(driver) == [("a1", 300)]


def test_the_clients_report_beats_the_clock() -> None:
    driver = speaking(1000)
    driver.apply(act.Played(ItemId("a1"), 250))
    cut_in(driver, after=0.9)
    assert truncations(driver) == [("a1", 250)]


def test_a_later_smaller_report_cuts_again_and_a_larger_does_not() -> None:
    driver = speaking(1000)
    cut_in(driver, after=0.5)
    driver.apply(act.Played(ItemId("a1"), 700))
    driver.apply(act.Played(ItemId("a1"), 350))
    assert truncations(driver) == [("a1", 500), ("a1", 350)]


def test_what_nobody_heard_is_deleted() -> None:
    driver = speaking(1000)
    cut_in(driver)
    assert truncations(driver) == []
    assert [event["item_id"] for event in driver.sent if event["type"] == "conversation.item.delete"] == ["a1"]


def test_once_per_item() -> None:
    driver = speaking(1000)
    cut_in(driver, after=0.2)
    cut_in(driver, item="u2")
    assert len(truncations(driver)) == 1


def test_no_audio_of_an_item_follows_its_flush() -> None:
    driver = speaking(1000)
    cut_in(driver, after=0.2)
    before = len(driver.of(act.Play))
    audio(driver, 100)
    audio(driver, 100, item="a2")  # of the same response, which voice detection has cancelled
    assert len(driver.of(act.Play)) == before
    driver.receive("response.done", response={"id": "r1", "status": "cancelled"})
    driver.receive("response.created", response={"id": "r2"})
    audio(driver, 100, item="a3", response="r2")
    assert len(driver.of(act.Play)) == before + 1


def test_an_answer_that_still_plays_after_its_end_is_cut_and_the_thread_corrected() -> None:
    driver = speaking(1000)
    finish(driver)
    cut_in(driver, after=0.5)
    assert truncations(driver) == [("a1", 500)]
    method, item = [record for record in driver.records() if record[1]["id"] == "a1"][-1]
    assert (method, item["status"], item["heardMs"], item["audioMs"]) == ("item/completed", "interrupted", 500, 1000)
    assert item["text"] == "one two three four"


def test_an_answer_that_was_heard_to_its_end_is_not_cut() -> None:
    driver = speaking(1000)
    finish(driver)
    cut_in(driver, after=1.5)
    assert truncations(driver) == []


def test_whatever_the_clock_says_a_client_that_lags_is_silenced_once() -> None:
    driver = speaking(1000)
    finish(driver)
    cut_in(driver, after=1.5)
    cut_in(driver, item="u2")
    assert driver.of(act.Flush) == [act.Flush(None)]
    driver.apply(act.Played(ItemId("a1"), 990))  # how the client counts
    assert truncations(driver) == []
    driver.apply(act.Played(ItemId("a1"), 700))
    assert truncations(driver) == [("a1", 700)]
    assert driver.records()[-1][1]["heardMs"] == 700


def test_a_client_that_has_played_all_of_it_is_not_silenced() -> None:
    driver = speaking(1000)
    finish(driver)
    driver.apply(act.Played(ItemId("a1"), 1000))
    cut_in(driver, after=0.5)
    assert (truncations(driver), driver.of(act.Flush)) == ([], [])


def test_what_was_reported_as_heard_to_its_end_is_not_taken_back() -> None:
    driver = speaking(1000)
    finish(driver)
    driver.apply(act.Played(ItemId("a1"), 1000))
    cut_in(driver, after=0.5)
    driver.apply(act.Played(ItemId("a1"), 300))
    assert (truncations(driver), driver.of(act.Flush)) == ([], [])


def test_an_answer_of_a_lost_connection_is_silenced_once_and_not_cut() -> None:
    driver = speaking(1000)
    driver.lose()
    driver.reopen()
    cut_in(driver)
    cut_in(driver, item="u2")
    assert (truncations(driver), driver.of(act.Flush)) == ([], [act.Flush(None)])


def test_the_refusal_of_our_truncation_disturbs_nobody() -> None:
    driver = speaking(1000)
    cut_in(driver, after=0.2)
    event_id = next(event["event_id"] for event in driver.sent if event["type"] == "conversation.item.truncate")
    driver.receive("error", error={"code": "invalid_value", "message": "already shorter", "event_id": event_id})
    assert driver.notes("error") == []


def test_without_interruption_by_voice_the_answer_goes_on() -> None:
    driver = speaking(1000, barge_in=False)
    cut_in(driver, after=0.2)
    assert truncations(driver) == []
    audio(driver, 100)
    assert len(driver.of(act.Play)) == 2


def test_the_client_may_stop_the_answer() -> None:
    driver = speaking(1000)
    driver.now += 0.3
    driver.apply(act.Interrupt())
    assert driver.sent_types == ["response.cancel", "conversation.item.truncate"]


def test_fractions_of_milliseconds_add_up_before_they_are_cut() -> None:
    driver = Driver()
    driver.receive("response.created", response={"id": "r1"})
    for _ in range(3):
        driver.receive("response.output_audio.delta", delta="AAAA", item_id="a1", samples_per_channel=100)
    driver.now += 1
    driver.receive("input_audio_buffer.speech_started")
    assert truncations(driver) == [("a1", 12)]


def test_a_later_upstream_is_told_what_was_heard() -> None:
    driver = speaking(1000)
    finish(driver)
    cut_in(driver, after=0.5)
    driver.lose()
    driver.log.clear()
    driver.log += [act.Open(2)]
    driver.reopen()
    texts = [event["item"]["content"][0]["text"] for event in driver.sent if event["type"].endswith("item.create")]
    assert texts == ["one two t"]


def test_text_modality_plays_nothing() -> None:
    driver = speaking(100, modality="text")
    assert driver.of(act.Play) == []


@pytest.mark.parametrize(
    ("item", "ms", "cuts"),
    [
        ("item_1", 300, [("conversation.item.truncate", "item_1", 300), ("conversation.item.delete", "item_2", None)]),
        ("item_2", 100, [("conversation.item.truncate", "item_2", 100)]),
        (None, 0, [("conversation.item.delete", "item_1", None), ("conversation.item.delete", "item_2", None)]),
        ("item_9", 100, [("conversation.item.truncate", "item_1", 500), ("conversation.item.delete", "item_2", None)]),
    ],
)
def test_what_our_own_peer_has_sent_is_what_was_heard(item: str | None, ms: int, cuts: list[tuple[Any, ...]]) -> None:
    driver = Driver()
    driver.receive("response.created", response={"id": "resp_1"})
    for item_id in ("item_1", "item_2"):
        driver.receive("conversation.item.added", item={"id": item_id, "type": "message", "role": "assistant"})
        driver.receive("response.output_audio.delta", delta="A" * 64_000, item_id=item_id)  # a second
    driver.now += 0.5  # what the clock would guess
    driver.apply(act.PlayedTo(ItemId(item) if item else None, ms))
    driver.receive("input_audio_buffer.speech_started", item_id="item_3")
    sent = [event for event in driver.sent if event["type"].startswith("conversation.item.")]
    assert [(event["type"], event["item_id"], event.get("audio_end_ms")) for event in sent] == cuts


def test_what_a_cut_answer_did_not_say_delays_no_later_one() -> None:
    driver = speaking(60_000)
    cut_in(driver, after=2.0)
    driver.receive("response.done", response={"id": "r1", "status": "cancelled"})
    driver.receive("input_audio_buffer.committed", item_id="u1")
    driver.begin_answer("r2", "a2")
    audio(driver, 10_000, "a2", "r2")
    cut_in(driver, after=5.0, item="u2")
    assert truncations(driver) == [("a1", 2000), ("a2", 5000)]
    assert "conversation.item.delete" not in driver.sent_types


def test_whoever_stops_the_answer_while_the_connection_is_sought_does_not_get_it_again() -> None:
    driver = speaking(1000)
    driver.lose()
    driver.apply(act.Interrupt())
    driver.reopen()
    assert driver.creates() == 0
    driver.ask("and now?")
    assert driver.creates() == 1
