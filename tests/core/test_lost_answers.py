"""What is asked for again after a connection was lost in the middle of a response, and what is not."""

from __future__ import annotations

from typing import Any

from tests.core.driver import Driver

MESSAGE = {"id": "a1", "type": "message", "role": "assistant"}


def _answering(**begun: Any) -> Driver:
    driver = Driver()
    driver.ask("hi")
    driver.receive("response.created", response={"id": "r1"})
    if begun:
        driver.receive("conversation.item.added", item=begun)
    return driver


def _creates_after_the_loss(driver: Driver) -> int:
    driver.lose()
    before = driver.creates()
    driver.reopen()
    return driver.creates() - before


def test_an_answer_that_had_not_begun_is_asked_for_again() -> None:
    assert _creates_after_the_loss(_answering()) == 1


def test_a_call_that_was_complete_is_not_made_again() -> None:
    driver = _answering(id="item_call_1", type="function_call", name="background_agent", call_id="call_1")
    driver.call()
    assert _creates_after_the_loss(driver) == 0


def test_silence_that_was_chosen_stays_silence() -> None:
    driver = _answering(id="item_call_1", type="function_call", name="remain_silent", call_id="call_1")
    driver.call("remain_silent")
    assert _creates_after_the_loss(driver) == 0


def test_a_call_that_was_cut_short_behind_a_finished_message_is_asked_for_again() -> None:
    driver = _answering(**MESSAGE)
    _said_in_full(driver)
    driver.receive("conversation.item.added", item={"id": "c1", "type": "function_call", "name": "background_agent"})
    assert _creates_after_the_loss(driver) == 1


def _said_in_full(driver: Driver) -> None:
    driver.receive("conversation.item.done", item={**MESSAGE, "status": "completed"})


def test_an_answer_whose_end_was_lost_with_the_connection_is_not_given_again() -> None:
    driver = _answering(**MESSAGE)
    _said_in_full(driver)
    assert _creates_after_the_loss(driver) == 0


def test_a_response_that_went_on_after_a_sentence_is_asked_for_again() -> None:
    driver = _answering(**MESSAGE)
    _said_in_full(driver)
    driver.tick(after=0.5)  # "one moment": a function call is being written
    assert _creates_after_the_loss(driver) == 1


def test_an_answer_that_was_given_long_ago_is_not_given_again() -> None:
    driver = _answering(**MESSAGE)
    _said_in_full(driver)
    driver.receive("response.done", response={"id": "r1", "status": "completed"})
    driver.tick(after=0.5)
    assert _creates_after_the_loss(driver) == 0


def test_an_answer_that_the_person_has_cut_short_is_not_given_again() -> None:
    driver = _answering(**MESSAGE)
    driver.receive("response.output_audio.delta", item_id="a1", response_id="r1", delta="AAAA" * 1200)
    driver.tick(after=0.1)
    driver.receive("input_audio_buffer.speech_started", item_id="u1")
    assert _creates_after_the_loss(driver) == 0


def test_nothing_is_asked_for_when_the_words_to_answer_were_lost_too() -> None:
    driver = Driver()
    driver.speak("u1")
    driver.receive("response.created", response={"id": "r1"})
    assert _creates_after_the_loss(driver) == 0
