"""The page as people use it: by voice, by keys alone, with the agent at work, and when things break."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser.chromium import chromium, visiting
from tests.gateway.process import GatewayProcess, Serve, serving
from tests.gateway.spoken import speak

pytestmark = pytest.mark.needs("chromium")
NO_MICROPHONE = (
    "void (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')))"
)
SHOTS = os.environ.get("PAGE_SHOTS")
"""A folder that keeps the screenshots, for people to look at."""


async def type_in(page: Page, text: str) -> None:
    await page.fill("#say", text)
    await page.press("#say", "Enter")


async def answered(page: Page, text: str) -> None:
    """The voice has said these words."""
    await expect(page.locator("#lines li.assistant", has_text=text).first).to_be_visible(timeout=20_000)


async def look(page: Page, folder: Path, name: str) -> None:
    """Take a picture, and find no serious fault of accessibility."""
    picture = await page.screenshot(full_page=True)
    assert len(picture) > 10_000
    (Path(SHOTS or folder) / f"{name}.png").write_bytes(picture)
    found = await Axe().run(page)
    serious = [fault["id"] for fault in found.response["violations"] if fault["impact"] in ("serious", "critical")]
    assert serious == [], found.generate_report()


async def test_in_writing_no_microphone_is_asked_for(gateway: GatewayProcess, tmp_path: Path) -> None:
    async with chromium() as browser, visiting(browser, gateway.url, permissions=()) as page:
        await page.evaluate("void (navigator.mediaDevices.getUserMedia = () => { throw new Error('asked for'); })")
        await page.select_option("#modality", "text")
        await type_in(page, "ask the agent what seventeen times twenty three is")
        await answered(page, "391")
        await expect(page.locator(".job .result")).to_contain_text("391")
        await expect(page.locator("#lines li")).to_have_count(3)
        assert await page.locator("#word-media").inner_text() == "text only"
        assert await page.evaluate("voxgate.voice.peer ?? null") is None
        async with page.expect_download() as saved:
            await page.click("#export-menu summary")
            await page.click("[data-export=text]")
        await (await saved.value).save_as(tmp_path / "thread.txt")
    assert "391" in (tmp_path / "thread.txt").read_text()


@pytest.mark.needs("flite")
async def test_a_spoken_question_is_heard_and_answered_by_voice(gateway: GatewayProcess, tmp_path: Path) -> None:
    said = speak("flite", "what can you do", tmp_path / "said.wav", lead_s=1.5, tail_s=6.0)
    async with (
        chromium(microphone=said.path) as browser,
        visiting(browser, gateway.url) as page,
    ):
        await page.click("#talk-button")
        await expect(page.locator("#word-media")).to_have_text("WebRTC", timeout=20_000)
        await expect(page.locator("#lines li.user")).to_have_count(1, timeout=20_000)
        await expect(page.locator("#lines li.assistant").first).to_be_visible(timeout=20_000)
        await expect(page.locator("#pace-bars li")).to_have_count(1, timeout=20_000)  # sound was heard, by its level
        stats = await page.evaluate("voxgate.voice.stats()")
        assert stats["packetsReceived"] > 20
        assert await page.evaluate("voxgate.voice.channel.readyState") == "open"
        await page.click("#talk-button")
        await expect(page.locator("#word-media")).to_have_text("off")


@pytest.mark.needs("flite")
async def test_where_webrtc_cannot_connect_the_socket_carries_the_sound(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    said = speak("flite", "what can you do", tmp_path / "said.wav", lead_s=12.0, tail_s=6.0)
    no_udp = "--webrtc-ip-handling-policy=disable_non_proxied_udp"
    force = "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"
    async with (
        chromium(no_udp, force, microphone=said.path) as browser,
        visiting(browser, gateway.url) as page,
    ):
        await page.click("#talk-button")
        await expect(page.locator("#word-media")).to_have_text("WebSocket", timeout=30_000)
        await expect(page.locator("#notice")).to_contain_text("WebRTC did not connect")
        await expect(page.locator("#lines li.assistant").first).to_be_visible(timeout=30_000)
        await expect(page.locator("#pace-bars li")).to_have_count(1, timeout=20_000)


async def test_the_agents_work_is_seen_steered_and_cancelled(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "set a timer for five minutes")
        job = page.locator(".job").first
        await expect(job.locator(".state")).to_have_text("working")
        await expect(job.locator("li").first).to_contain_text("5 minutes")
        await job.locator("input").fill("make it ten minutes")
        await job.get_by_role("button", name="Steer").click()
        await expect(job.locator("li", has_text="10 minutes").first).to_be_visible(timeout=20_000)
        await job.get_by_role("button", name="Cancel").click()
        await expect(job.locator(".state")).to_have_text("cancelled")
        await expect(page.locator("#word-agent")).to_have_text("idle")


async def test_whatever_is_broken_the_talk_goes_on(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 100 times 7")
        await answered(page, "700")
        names = [str(await button.get_attribute("data-break")) for button in await page.locator("[data-break]").all()]
        assert len(names) == 5
        for number, name in enumerate(names, 101):
            await page.click(f"[data-break={name}]")
            await expect(page.locator("#break-said")).not_to_be_empty()
            await type_in(page, f"what is {number} times 7")
            await answered(page, str(number * 7))
        lines = await page.locator("#lines li").evaluate_all("found => found.map(line => line.dataset.id)")
        assert len(lines) == len(set(lines))
        questions = await page.locator("#lines li.user").all_inner_texts()
        assert [text.splitlines()[-1] for text in questions] == [
            f"what is {number} times 7" for number in range(100, 106)
        ]
        results = await page.locator("#lines li.handoff").all_inner_texts()
        assert [str(number * 7) in text for number, text in enumerate(results, 100)] == [True] * 6


async def test_a_thread_is_found_again_after_a_reload(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        before = await page.locator("#lines li").all_inner_texts()
        await page.reload()
        await answered(page, "42")
        assert await page.locator("#lines li").all_inner_texts() == before


async def test_the_wire_is_shown_filtered_and_paused(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await expect(page.locator("#wire-rows tr", has_text="initialize answered")).to_have_count(1)
        await page.fill("#wire-filter", "listVoices")
        await expect(page.locator("#wire-rows tr")).to_have_count(2)
        await page.click("#wire-pause")
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await page.fill("#wire-filter", "")
        await page.click("#wire-pause")
        await expect(page.locator("#wire-rows tr", has_text="thread/realtime/appendText").first).to_be_visible()


async def test_a_key_goes_to_the_gateway_and_stays_nowhere(gateway: GatewayProcess, canary_key: str) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.click("#open-settings")
        await page.fill("#upstream-url", "http://127.0.0.1:9/v1")
        await page.fill("#upstream-key", canary_key)
        await page.click("#upstream-use")
        await expect(page.locator("#upstream-now")).to_contain_text("127.0.0.1:9")
        assert await page.input_value("#upstream-key") == ""
        kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
        wire = await page.locator("#wire-rows").inner_text()
        assert canary_key not in kept + wire + await page.content()
        await page.click("#settings-close")
        await page.select_option("#modality", "text")
        await type_in(page, "hello")
        await expect(page.locator("#notice")).to_contain_text("refused the call", timeout=20_000)


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("desktop", {"viewport": {"width": 1280, "height": 900}}),
        ("narrow", {"viewport": {"width": 390, "height": 800}}),
        ("dark", {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"}),
    ],
)
async def test_the_page_is_good_to_look_at(
    gateway: GatewayProcess, tmp_path: Path, name: str, context: dict[str, Any]
) -> None:
    async with chromium() as browser, visiting(browser, gateway.url, **context) as page:
        await look(page, tmp_path, f"{name}-idle")
        if name == "narrow":
            await page.click("#options-fold summary")
        await page.select_option("#modality", "text")
        await type_in(page, "ask the agent what seventeen times twenty three is")
        await answered(page, "391")
        await look(page, tmp_path, f"{name}-talking")
        await type_in(page, "set a timer for five minutes")
        await expect(page.locator(".job .state", has_text="working")).to_be_visible()
        await look(page, tmp_path, f"{name}-working")
        await page.evaluate(
            "void (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError')))"
        )
        await page.click("#talk-button")
        await expect(page.locator("#talk-button")).to_have_text("Talk")
        await page.select_option("#modality", "audio")
        await page.click("#talk-button")
        await expect(page.locator("#notice")).to_contain_text("gives no microphone")
        await look(page, tmp_path, f"{name}-error")


async def test_a_line_stands_where_its_record_is_though_its_words_came_first(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        during, after = await page.evaluate("""async () => {
            const { ThreadView } = await import("/console/thread.js");
            const list = document.body.appendChild(document.createElement("ol"));
            const view = new ThreadView(list, document.createElement("p"));
            const shown = () => [...list.children].map((line) => line.dataset.id);
            view.delta({ itemId: "answer", role: "assistant", delta: "It is" });
            view.record({ seq: 1, item: { id: "question", type: "userMessage", text: "?", status: "completed" } });
            const during = shown();
            const item = { id: "answer", type: "assistantMessage", text: "", status: "inProgress" };
            view.record({ seq: 2, item });
            return [during, shown()];
        }""")
        assert during == after == ["question", "answer"]


async def test_progress_of_a_turn_with_several_hand_offs_is_shown_once(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        lines = await page.evaluate("""async () => {
            const { WorkView } = await import("/console/work.js");
            const box = document.body.appendChild(document.createElement("div"));
            const view = new WorkView(box, document.createElement("p"), { onState() {} });
            view.turn({ id: "turn", status: "inProgress", input: [{ type: "text", text: "a timer" }] });
            for (const text of ["one", "two", "two", "one"]) view.handoff({ state: "progress", text });
            return [...box.querySelectorAll("li")].map((line) => line.textContent);
        }""")
        assert lines == ["one", "two", "one"]


async def test_a_gateway_that_is_away_is_sought_and_nothing_is_asked_for(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await expect(page.locator("#word-control")).to_have_text("connected")
        await gateway.kill()
        for _ in range(3):
            await page.wait_for_event("websocket")
        assert not await page.evaluate("document.getElementById('settings').open")
        await expect(page.locator("#word-control")).to_have_text("lost, coming back")


async def test_a_gateway_that_wants_a_token_is_asked_with_one(gateway_env: Mapping[str, str], tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token\n")
    serve = Serve(gateway_env, tmp_path / "data", {"server.auth_tokens_file": str(tokens)})
    async with serving(serve) as gateway, chromium() as browser:
        page = await browser.new_page()
        await page.goto(gateway.url)
        await expect(page.locator("#word-control")).to_have_text("refused")
        await page.fill("#token", "a-token")
        await page.press("#token", "Enter")
        await expect(page.locator("#word-control")).to_have_text("connected")
