"""Pages of the front-end guide in Debian's Chromium, with a microphone in a quiet room."""

from __future__ import annotations

import threading
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

from tests.browser.chromium import FLAGS
from tests.needs import find_tool

PATIENCE_MS = 30_000


class PageServer:
    """A web server of its own for one page at a time, as a front end's developer runs one."""

    def __init__(self) -> None:
        self.page = ""
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = pages.page.encode() if self.path == "/" else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def origin(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def serving(self) -> Iterator[PageServer]:
        """For the length of the block."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def write_silence(path: Path) -> Path:
    """A second of it: Chromium's own made-up microphone beeps, which cuts in."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48_000, 48_000, "NONE", ""))
        file.writeframes(bytes(96_000))
    return path


def visit(url: str, steps: Sequence[str], microphone: Path) -> None:
    """Load a page, then go through the steps. An error on it fails the test."""
    sound = f"--use-file-for-fake-audio-capture={microphone}"
    errors: list[str] = []

    def told(message: ConsoleMessage) -> None:
        if message.type == "error" and "favicon" not in message.location["url"]:
            errors.append(message.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_tool("chromium"), args=[*FLAGS, sound])
        try:
            page = browser.new_context(permissions=["microphone"]).new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("console", told)
            page.goto(url)
            for step in steps:
                _take(page, step, errors)
        finally:
            browser.close()
    assert errors == []


def _take(page: Page, step: str, errors: list[str]) -> None:
    """Press the button of that name, or wait until the words are to be seen."""
    button = page.get_by_role("button", name=step, exact=True)
    if button.count():
        button.click(timeout=PATIENCE_MS)
    else:
        expect(page.locator("body"), str(errors)).to_contain_text(step, timeout=PATIENCE_MS)
