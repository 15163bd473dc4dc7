"""What the page offers in a call and outside of one: the microphone, silence, harm, and how long answers took."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.chromium import chromium, visiting
from tests.browser.mouth import give_microphone
from tests.browser.test_page import NO_MICROPHONE, answered, type_in
from tests.gateway.process import GatewayProcess

pytestmark = pytest.mark.needs("chromium")


async def test_whoever_typed_first_can_turn_on_the_microphone(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url, before=give_microphone) as page:
        microphone, turn_on = page.locator("#mode"), page.locator("#microphone-button")
        await expect(turn_on).to_be_hidden()
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await expect(microphone).to_have_value("none")  # the choice says what the call has
        thread = page.url
        await turn_on.click()
        await expect(page.locator("#word-media")).to_have_text("WebRTC", timeout=20_000)
        await expect(microphone).to_have_value("open")
        await expect(page.locator("#talk-button")).to_have_text("Hang up")
        await expect(turn_on).to_be_hidden()
        await type_in(page, "what is 7 times 7")
        await answered(page, "49")
        assert page.url == thread
        await page.click("#talk-button")
        await expect(page.locator("#talk-state")).to_have_text("The call has ended.")


async def test_a_call_in_writing_becomes_one_by_voice(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url, before=give_microphone) as page:
        await page.select_option("#modality", "text")
        await expect(page.locator("#mode")).to_be_disabled()
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await page.click("#microphone-button")
        await expect(page.locator("#word-media")).to_have_text("WebRTC", timeout=20_000)
        await expect(page.locator("#modality")).to_have_value("audio")


async def test_without_a_microphone_the_typed_call_goes_on(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.evaluate(NO_MICROPHONE)
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await page.click("#microphone-button")
        await expect(page.locator("#notice")).to_contain_text("gives no microphone")
        await expect(page.locator("#mode")).to_have_value("none")
        await expect(page.locator("#talk-state")).to_contain_text("Type; answers come by voice")
        await type_in(page, "what is 7 times 7")
        await answered(page, "49")


async def test_what_would_do_nothing_is_off(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        hush, harm = page.locator("#hush"), page.locator("#break-buttons button")
        await expect(hush).to_be_disabled()
        await expect(harm).to_have_count(5)
        for button in await harm.all():
            await expect(button).to_be_disabled()
        await type_in(page, "what can you do")
        await expect(hush).to_be_enabled(timeout=20_000)
        await expect(harm.first).to_be_enabled()
        await hush.click()
        await expect(hush).to_be_disabled()
        await page.click("#talk-button")
        await expect(harm.first).to_be_disabled()


async def test_a_notice_is_seen_wherever_the_page_is_scrolled_to(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url, viewport={"width": 390, "height": 844}) as page:
        await page.evaluate(NO_MICROPHONE)
        await page.click("#talk-button")
        await expect(page.locator("#notice")).to_contain_text("gives no microphone")
        await page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        assert await page.evaluate("scrollY") > 0
        await expect(page.locator("#notice")).to_be_in_viewport(ratio=1)
        await expect(page.locator("#say")).to_be_in_viewport(ratio=1)


async def test_an_answer_to_what_was_typed_is_timed_and_named(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        bar = page.locator("#pace-bars li")
        await expect(bar).to_have_count(1)
        await expect(bar.locator(".words")).to_have_text("what is 6 times 7")
        assert await bar.locator(".ms").inner_text() == f"typed, {await bar.get_attribute('data-ms')} ms"


async def test_a_word_in_passing_gives_way_to_how_things_stand(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await page.click("[data-break=upstream-cut]")
        state = page.locator("#talk-state")
        await expect(state).to_contain_text("is back", timeout=20_000)
        await expect(state).to_have_text("Type; answers come as text.", timeout=10_000)


async def test_the_gateways_own_words_stand_behind_those_of_the_page(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.click("#open-settings")
        await page.fill("#upstream-url", "http://127.0.0.1:9/v1")  # and no key
        await page.click("#upstream-use")
        await expect(page.locator("#upstream-now")).to_contain_text("127.0.0.1:9")
        await page.click("#settings-close")
        await type_in(page, "hello")
        await expect(page.locator("#notice")).to_contain_text("The gateway says:", timeout=20_000)


async def test_a_message_opens_by_a_click_anywhere_on_its_row(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        row = page.locator("#wire-rows tr", has_text="initialize answered")
        toggle = row.get_by_role("button")
        for target in (row.locator("td").first, toggle):
            await target.click()
            await expect(toggle).to_have_attribute("aria-expanded", "true")
            await expect(page.locator("#wire-rows pre")).to_contain_text("result")
            await target.click()
            await expect(page.locator("#wire-rows pre")).to_have_count(0)
        await page.evaluate("voxgate.voice.rpc.call('thread/realtime/interrupt', {}).catch(() => {})")
        await expect(page.locator("#wire-rows tr.bad")).to_have_count(1)


async def test_a_gateway_that_is_lost_in_a_call_is_told_at_once(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await gateway.kill()
        await expect(page.locator("#notice")).to_contain_text("the call may have ended with it")
        await _dismissed_for_good(page)


async def _dismissed_for_good(page: Page) -> None:
    """The next vain tries say nothing more."""
    await page.locator("#notice").get_by_role("button").click()
    for _ in range(2):
        await page.wait_for_event("websocket")
    await expect(page.locator("#notice")).to_be_hidden()
