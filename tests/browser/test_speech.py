"""Talking to the embedded voice model by voice: it understands, does what it is asked, and is silent when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.chromium import chromium, visiting
from tests.browser.mouth import give_microphone, speak
from tests.gateway.process import GatewayProcess
from tests.mock.speech.sentences import INSIDE, OUTSIDE, error_rate

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("flite")]
WAIT_MS = 30_000


@asynccontextmanager
async def talking(gateway: GatewayProcess) -> AsyncIterator[Page]:
    async with chromium() as browser, visiting(browser, gateway.url, before=give_microphone) as page:
        await page.click("#talk-button")
        await expect(page.locator("#word-media")).to_have_text("WebRTC", timeout=WAIT_MS)
        yield page


async def say(page: Page, text: str, voice: str = "slt") -> str:
    """Say it, and wait until it stands in the thread; returns what was understood."""
    lines = page.locator("#lines li.user[data-status=completed]")
    before = await lines.count()
    await speak(page, text, voice)
    await expect(lines).to_have_count(before + 1, timeout=WAIT_MS)
    return await lines.last.locator("span").last.inner_text()


def said(page: Page, text: str) -> Locator:
    return page.locator("#lines li.assistant", has_text=text).first


async def test_wishes_by_voice_are_done(speaking_gateway: GatewayProcess) -> None:
    async with talking(speaking_gateway) as page:
        await say(page, "ask the agent what seventeen times twenty three is")
        await expect(said(page, "391")).to_be_visible(timeout=WAIT_MS)
        await expect(page.locator("#pace-bars li")).not_to_have_count(0, timeout=WAIT_MS)
        await say(page, "set a timer for five minutes")
        job = page.locator(".job").first
        await expect(job.locator(".state")).to_have_text("working", timeout=WAIT_MS)
        await say(page, "make it ten minutes")
        await expect(job.locator("li", has_text="10 minutes").first).to_be_visible(timeout=WAIT_MS)
        await say(page, "cancel the timer")
        await expect(job.locator(".state")).not_to_have_text("working", timeout=WAIT_MS)


async def test_told_to_be_silent_it_is(speaking_gateway: GatewayProcess) -> None:
    async with talking(speaking_gateway) as page:
        await say(page, "stay silent")
        await say(page, "what can you do")
        await expect(page.locator("#lines li.assistant")).to_have_count(1, timeout=WAIT_MS)
        order = await page.locator("#lines li").evaluate_all("lines => lines.map(line => line.className)")
        assert order == ["user", "user", "assistant"]


async def test_whatever_is_broken_mid_talk_the_talk_goes_on(speaking_gateway: GatewayProcess) -> None:
    async with talking(speaking_gateway) as page:
        answers, state = page.locator("#lines li.assistant"), page.locator("#talk-state")
        await say(page, "what can you do")
        for name in ("upstream-cut", "session-limit"):
            await page.click(f"[data-break={name}]")
            await expect(state).to_contain_text("back", timeout=WAIT_MS)
            await page.evaluate("document.getElementById('talk-state').textContent = ''")
            before = await answers.count()
            await say(page, "what can you do")
            await expect(answers).not_to_have_count(before, timeout=WAIT_MS)
        await page.click("[data-break=active-response]")
        await say(page, "what can you do")
        await page.click("[data-break=slow-agent]")
        await say(page, "ask the agent what seventeen times twenty three is")
        await expect(said(page, "391")).to_be_visible(timeout=WAIT_MS)
        await page.click("[data-break=lost-transcription]")
        await speak(page, "what can you do", "slt")
        await expect(page.locator("#lines li.user[data-status=failed]")).to_have_count(1, timeout=WAIT_MS)
        lines = await page.locator("#lines li").evaluate_all("found => found.map(line => line.dataset.id)")
        assert len(lines) == len(set(lines))
        await expect(page.locator("#lines li.user")).to_have_count(6)


async def test_ten_sentences_are_understood(
    speaking_gateway: GatewayProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: dict[str, str] = {}
    async with talking(speaking_gateway) as page:
        for number, sentence in enumerate((*OUTSIDE, *INSIDE)):
            heard[sentence] = (await say(page, sentence, ("slt", "rms")[number % 2])).lower()
            await page.keyboard.press("Escape")  # the answer is of no interest here
            await asyncio.sleep(0.3)  # a person takes a breath
    outside = error_rate([(text, heard[text]) for text in OUTSIDE])
    inside = error_rate([(text, heard[text]) for text in INSIDE])
    with capsys.disabled():
        print(f"\nin the browser, words wrong: {outside:.1%} outside the demo grammar, {inside:.1%} inside")
    assert outside <= 0.20
    assert inside <= 0.05
