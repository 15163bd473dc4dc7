"""Debian's Chromium with a synthetic microphone, driven by playwright."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.needs import find_tool

FLAGS = (
    "--no-sandbox",  # tests may run as root
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
)


@asynccontextmanager
async def chromium(*flags: str, microphone: Path | None = None) -> AsyncIterator[Browser]:
    """A browser; ``microphone`` is a WAV file that is heard once from when the microphone is opened."""
    tool = find_tool("chromium")
    assert tool is not None
    speech = [f"--use-file-for-fake-audio-capture={microphone}%noloop"] if microphone is not None else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=tool, args=[*FLAGS, *speech, *flags])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visiting(
    browser: Browser,
    url: str,
    *,
    permissions: Sequence[str] = ("microphone",),
    before: Callable[[BrowserContext], Awaitable[None]] | None = None,
    **context: Any,
) -> AsyncIterator[Page]:
    """The page, loaded and connected. An error of its scripts fails the test."""
    visit = await browser.new_context(permissions=list(permissions), **context)
    if before is not None:
        await before(visit)
    page = await visit.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(url)
    await page.wait_for_selector("#light-control[data-state=on]")
    await page.wait_for_selector("#talk-button:enabled")
    try:
        yield page
    finally:
        await visit.close()
    assert errors == []
