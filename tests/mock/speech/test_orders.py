"""A model whose ears and mouth are outside: what it orders, and what it makes of the reports."""

from __future__ import annotations

from realtime.mock.speech.clauses import clauses
from realtime.mock.speech.contracts import Forget, Hear, Heard, Hush, Order, Speech, Spoken, Unheard, Utter
from realtime.mock.speech.energy import EnergyDetector
from realtime.protocol.json import JsonObject
from tests.mock.talk import RATE, Talk, base64_of, said, silence, tone

BYTES_PER_MS = RATE * 2 // 1000
TRANSCRIPTION = "conversation.item.input_audio_transcription"


def outside() -> Talk:
    """A session that hears with its ears outside and speaks with a mouth outside."""
    talk = Talk(speech=Speech(EnergyDetector(), None, None))
    talk.configure(audio={"input": {"transcription": {"model": "m"}, "turn_detection": {"type": "server_vad"}}})
    return talk


def heard_of(orders: list[Order]) -> tuple[str, bytes, list[bool]]:
    """The one turn of these orders, its sound, and which piece was the last."""
    pieces = [order for order in orders if isinstance(order, Hear)]
    (turn,) = {piece.turn for piece in pieces}
    return turn, b"".join(piece.pcm for piece in pieces), [piece.last for piece in pieces]


def spoken_turn(talk: Talk) -> str:
    """Something was said and is listened to; its id."""
    talk.hear(silence(400), tone(500), silence(700))
    turn, _, _ = heard_of(talk.model.orders())
    return turn


def utter_of(talk: Talk) -> Utter:
    (order,) = talk.model.orders()
    assert isinstance(order, Utter)
    return order


def audio_ms(events: list[JsonObject]) -> float:
    sounds = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
    return sum(len(sound) * 3 // 4 for sound in sounds) / BYTES_PER_MS


def test_a_turn_is_listened_to_while_it_is_spoken_and_whole() -> None:
    talk = outside()
    talk.hear(silence(400), tone(300))
    _, early, ends = heard_of(orders := talk.model.orders())
    assert len(early) >= 500 * BYTES_PER_MS, "the padding before it, and most of what was said"
    assert not any(ends)
    talk.hear(tone(400), silence(800))
    turn, sound, ends = heard_of([*orders, *talk.model.orders()])
    assert ends == [False] * (len(ends) - 1) + [True]
    (retrieved,) = talk.send("conversation.item.retrieve", item_id=turn)
    assert base64_of(sound) == retrieved["item"]["content"][0]["audio"]


def test_the_answer_waits_for_the_words_and_for_nothing_else() -> None:
    talk = outside()
    turn = spoken_turn(talk)
    talk.wait(5.0)
    assert talk.kinds()[-2:] == ["response.created", "rate_limits.updated"]
    talk.told(Heard(turn, "good morning", last=True))
    talk.wait(1.0)
    assert talk.last(f"{TRANSCRIPTION}.completed")["transcript"] == "good morning"
    assert utter_of(talk).clauses == ("good morning",)


def test_words_are_told_as_they_become_certain_and_never_twice() -> None:
    talk = outside()
    talk.hear(silence(400), tone(500))
    turn, _, _ = heard_of(talk.model.orders())
    for words in ("ask", "ask the", "something else", "ask the"):
        talk.told(Heard(turn, words, last=False))
    talk.hear(tone(200), silence(700))
    talk.told(Heard(turn, "ask the agent", last=True))
    talk.wait(0.1)
    deltas = talk.all(f"{TRANSCRIPTION}.delta")
    assert [delta["delta"] for delta in deltas] == ["ask", " the", " agent"]
    assert {delta["item_id"] for delta in deltas} == {turn, talk.last(f"{TRANSCRIPTION}.completed")["item_id"]}


def test_the_whole_counts_where_it_differs_from_what_was_told() -> None:
    talk = outside()
    talk.hear(silence(400), tone(500))
    turn, _, _ = heard_of(talk.model.orders())
    talk.told(Heard(turn, "cast", last=False))
    talk.hear(tone(200), silence(700))
    talk.told(Heard(turn, "ask the agent", last=True))
    talk.wait(0.1)
    assert [delta["delta"] for delta in talk.all(f"{TRANSCRIPTION}.delta")] == ["cast"]
    assert talk.last(f"{TRANSCRIPTION}.completed")["transcript"] == "ask the agent"


def test_words_that_are_lost_are_said_to_be() -> None:
    talk = outside()
    turn = spoken_turn(talk)
    talk.told(Unheard(turn, "the recogniser stopped"))
    talk.wait(1.0)
    failed = talk.last(f"{TRANSCRIPTION}.failed")
    assert (failed["item_id"], failed["error"]["message"]) == (turn, "the recogniser stopped")
    assert utter_of(talk).clauses


def test_a_turn_that_is_cleared_is_forgotten_and_its_report_ignored() -> None:
    talk = outside()
    talk.hear(silence(400), tone(500))
    turn, _, _ = heard_of(talk.model.orders())
    talk.send("input_audio_buffer.clear")
    assert talk.model.orders() == [Forget(turn)]
    assert talk.told(Heard(turn, "late", last=True)) == []


def test_a_turn_whose_voice_detection_is_switched_off_begins_anew() -> None:
    talk = outside()
    talk.hear(silence(400), tone(500))
    turn, _, _ = heard_of(talk.model.orders())
    talk.configure(audio={"input": {"turn_detection": None}})
    talk.send("input_audio_buffer.commit")
    forgotten, again = talk.model.orders()
    assert (forgotten, isinstance(again, Hear) and again.last) == (Forget(turn), True)


def test_sound_of_an_item_that_a_client_makes_is_listened_to() -> None:
    talk = outside()
    part = {"type": "input_audio", "audio": base64_of(tone(300))}
    talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": [part]})
    turn, sound, ends = heard_of(talk.model.orders())
    assert (sound, ends) == (tone(300), [True])
    talk.send("response.create")
    talk.wait(1.0)
    talk.told(Heard(turn, "hello", last=True))
    talk.wait(1.0)
    assert utter_of(talk).clauses == ("hello",)


def test_an_answer_is_spoken_clause_by_clause_as_its_sound_comes() -> None:
    talk = outside()
    talk.begin("Good morning to you. How are you today?", 1.0)
    order = utter_of(talk)
    assert order.clauses == ("Good morning to you. ", "How are you today?")
    assert not talk.all("response.output_audio.delta")
    talk.told(Spoken(order.utterance, order.clauses[0], tone(500), last=False))
    talk.wait(1.0)
    assert audio_ms(talk.events) == 500
    assert talk.kinds()[-1] == "response.output_audio.delta"
    talk.told(Spoken(order.utterance, order.clauses[1], tone(300), last=True))
    response = talk.until("response.done")["response"]
    assert audio_ms(talk.events) == 800
    assert said(response) == "Good morning to you. How are you today?"


def test_barge_in_ends_the_voice_at_once() -> None:
    talk = outside()
    talk.begin("Good morning to you. How are you today?", 1.0)
    order = utter_of(talk)
    talk.told(Spoken(order.utterance, order.clauses[0], tone(500), last=False))
    talk.hear(tone(60))
    assert Hush(order.utterance) in talk.model.orders()
    assert talk.last("response.done")["response"]["status"] == "cancelled"
    before = len(talk.events)
    talk.told(Spoken(order.utterance, order.clauses[1], tone(500), last=True))
    talk.wait(0.05)
    assert not [event for event in talk.events[before:] if event["type"] == "response.output_audio.delta"]


def test_an_answer_that_is_cancelled_before_the_words_came_asks_no_script() -> None:
    talk = outside()
    turn = spoken_turn(talk)
    talk.send("response.cancel")
    talk.told(Heard(turn, "good morning", last=True))
    talk.wait(1.0)
    assert talk.model.orders() == []
    talk.send("response.create")
    talk.wait(1.0)
    assert utter_of(talk).clauses == ("good morning",), "what was said is still to be answered"


def test_clauses_together_are_the_text_and_the_first_is_short() -> None:
    text = "Sure, I can do that for you. It takes a moment: please wait, and then ask again! " + "word " * 80
    pieces = clauses(text)
    assert "".join(pieces) == text
    assert len(pieces[0]) < 40
    assert max(len(piece) for piece in pieces) <= 160
    assert clauses("") == ("",)
