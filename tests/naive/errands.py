"""What is done in a talk, and what must have come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from realtime.mock.running import RealtimeMock
from tests.mock.talk import silence, tone
from tests.naive.talkers import ANSWER, HEARD, LOOK_S, Line, Talker

Errand = Callable[[Talker, RealtimeMock], Awaitable[None]]
"""Returns when all came as it should; runs for ever, or raises, when not."""

NOTICE_S = 0.4
"""What comes once may come twice: so long a person looks before calling it right."""
THINK_S = 0.2
"""From one typed question to the next."""
COUNT = "please count to twenty slowly"
LONG = " ".join(["please tell me a very long story about the sea"] * 7)
"""Its answer is 20 s long and comes within 3 s."""


async def see(right: Callable[[], Awaitable[bool]]) -> None:
    """Look until it is right, and a moment later still is."""
    while True:
        if await right():
            await asyncio.sleep(NOTICE_S)
            if await right():
                return
        await asyncio.sleep(LOOK_S)  # any client may be looked at, and most tell of nothing


async def _think(mock: RealtimeMock) -> None:
    """The time from one typed question to the next, from when the model took up the first.

    A slow machine must not look like the scenario in which ``response.created`` comes late.
    """

    async def taken_up() -> bool:
        return bool(mock.answered("response.created")) or any(each["active_response"] for each in mock.sessions())

    while not await taken_up():  # noqa: ASYNC110  # the mock is in another thread
        await asyncio.sleep(LOOK_S)
    with suppress(TimeoutError):
        await mock.until("response.created", sender="server", timeout=THINK_S)
    await asyncio.sleep(LOOK_S * 2)


async def _listen(talker: Talker) -> None:
    """Hear the beginning of an answer."""

    async def begun() -> bool:
        return talker.played_ms > 0

    await see(begun)
    await asyncio.sleep(THINK_S)


async def _answers(talker: Talker) -> list[str]:
    return [text for role, text in await talker.lines() if role == "assistant"]


async def _ask_last(talker: Talker) -> None:
    """A question whose answer must come last."""
    await talker.ask("where are you")

    async def right() -> bool:
        return (await _answers(talker))[-1:] == ["where are you"]

    await see(right)


async def question(talker: Talker, mock: RealtimeMock) -> None:
    """One question, one answer, all of its sound once."""
    await talker.ask("how are you")

    async def right() -> bool:
        return await _answers(talker) == ["how are you"]

    await see(right)


async def sound(talker: Talker, mock: RealtimeMock) -> None:
    """One question; what is played is as long as the answer: 60 ms a character."""
    await talker.ask("how are you")

    async def right() -> bool:
        return talker.played_ms == len("how are you") * 60

    await see(right)


async def two_questions(talker: Talker, mock: RealtimeMock) -> None:
    """The second is typed while the first may still be answered; the second's answer must come last."""
    await talker.ask("how are you")
    await _think(mock)
    await _ask_last(talker)


async def second_thought(talker: Talker, mock: RealtimeMock) -> None:
    """The second question comes while a long answer to the first begins, and is answered after it."""
    await talker.ask(COUNT)
    await _think(mock)
    await _ask_last(talker)


async def spoken(talker: Talker, mock: RealtimeMock) -> None:
    """A spoken turn and its answer, in this order."""
    await talker.speak(tone(500) + silence(900))

    async def right() -> bool:
        lines: list[Line] = await talker.lines()
        return [role for role, _ in lines] == ["user", "assistant"] and lines[1][1] in (HEARD, "Hello.")

    await see(right)


async def barge_in(talker: Talker, mock: RealtimeMock) -> None:
    """Cut in on a long answer: the model learns what was heard of it, and answers what was said instead."""
    await talker.ask(LONG)
    await _listen(talker)
    await talker.speak(tone(500) + silence(900))

    async def right() -> bool:
        told = bool(mock.answered("conversation.item.truncated"))
        return told and (await _answers(talker))[-1:] == [HEARD]

    await see(right)


async def noise(talker: Talker, mock: RealtimeMock) -> None:
    """A chair creaks while the model speaks; the next question is answered all the same."""
    await talker.ask(COUNT)
    await _listen(talker)
    await talker.speak(tone(300, amplitude=60) + silence(900))
    await _ask_last(talker)


async def echo(talker: Talker, mock: RealtimeMock) -> None:
    """The model hears itself and answers itself; the next question is answered all the same."""
    await talker.ask(COUNT)

    async def at_rest() -> bool:
        return bool(mock.answered("response.done")) and not any(each["active_response"] for each in mock.sessions())

    await see(at_rest)
    await _ask_last(talker)


async def recollection(talker: Talker, mock: RealtimeMock) -> None:
    """What was said first is known when the second question is answered."""
    await question(talker, mock)
    await talker.ask("where are you")

    async def right() -> bool:
        known = any("how are you" in str(each["items"]) for each in mock.sessions())
        return known and (await _answers(talker))[-1:] == ["where are you"]

    await see(right)


async def work(talker: Talker, mock: RealtimeMock) -> None:
    """Something to work out: the result is told, once."""
    await talker.ask("what is 6 times 7? ask the agent")

    async def right() -> bool:
        return sum(ANSWER in text for text in await _answers(talker)) == 1

    await see(right)


async def quiet(talker: Talker, mock: RealtimeMock) -> None:
    """The model is to say nothing, and then to speak again."""
    await talker.ask("please stay silent")
    mock.wait_for("response.done", sender="server")
    await _ask_last(talker)


async def long_talk(talker: Talker, mock: RealtimeMock) -> None:
    """Ten seconds pass between two questions, by the mock's clock."""
    await question(talker, mock)
    mock.advance(10.5)
    await asyncio.sleep(THINK_S)
    await _ask_last(talker)


async def three_questions(talker: Talker, mock: RealtimeMock) -> None:
    """Each of three is answered, or the person is told that it was not."""
    for number in range(1, 4):
        text = f"question {number}"
        await talker.ask(text)

        async def right(text: str = text) -> bool:
            return talker.failure is not None or (await _answers(talker))[-1:] == [text]

        await see(right)


async def told(talker: Talker, mock: RealtimeMock) -> None:
    """Either it is answered, or the person is told why not."""
    await talker.ask("how are you")

    async def right() -> bool:
        return talker.failure is not None or await _answers(talker) == ["how are you"]

    await see(right)
