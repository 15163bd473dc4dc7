"""Threads on the page: found by their words, deleted, opened anew; and hand-offs that joined a running turn."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.chromium import chromium, visiting
from tests.browser.test_page import answered, type_in
from tests.gateway.process import GatewayProcess

pytestmark = pytest.mark.needs("chromium")


async def test_threads_are_named_by_their_first_words_and_deleted_when_that_is_meant(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await page.click("#new-thread")
        await type_in(page, "what is 7 times 7")
        await answered(page, "49")
        await page.click("#threads-menu summary")
        lines = page.locator("#threads li")
        await expect(lines.locator(".words")).to_have_text(["what is 7 times 7", "what is 6 times 7"])
        await expect(lines.locator("[aria-current=true]")).to_contain_text("what is 7 times 7")
        older, newer = (page.get_by_role("button", name=f"Delete: what is {number} times 7") for number in (6, 7))
        await older.click()
        await page.click("#delete-keep")
        await expect(lines).to_have_count(2)
        await older.click()
        await expect(page.locator("#delete-words")).to_have_text("what is 6 times 7")
        await page.click("#delete-yes")
        await expect(lines).to_have_count(1)
        deleted = page.url
        await newer.click()  # the open one, in a call
        await page.click("#delete-yes")
        await expect(page.locator("#empty")).to_be_visible()
        await expect(page.locator("#talk-button")).to_have_text("Talk")
        await expect(page.locator("#notice")).to_be_hidden()
        assert page.url != deleted
        found = await (await page.request.get(f"{gateway.url}/v1/threads")).json()
        assert [thread["id"] for thread in found["data"]] == [page.url.partition("#")[2]]


async def test_a_hand_off_that_joined_work_shows_its_own_answer_alone(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "set a timer for five minutes")
        begun, joined = (page.locator("#lines li.handoff").nth(number) for number in (0, 1))
        await expect(begun).to_contain_text("5 minutes")
        await expect(page.locator("#try-steering")).to_be_visible()
        await type_in(page, "make it four seconds")
        await expect(joined).to_contain_text("Passed on to the running work.", timeout=20_000)
        await expect(begun).to_contain_text("4 seconds")
        await page.reload()
        await expect(joined).to_contain_text("Passed on to the running work.")
        await expect(joined).to_contain_text("Result: Your timer is now 4 seconds", timeout=20_000)
        await expect(begun).to_contain_text("Time is up")
        await expect(page.locator("#try-steering")).to_be_hidden()


async def test_progress_that_comes_before_its_record_is_kept(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        shown = await page.evaluate("""async () => {
            const { ThreadView } = await import("/console/thread.js");
            const list = document.body.appendChild(document.createElement("ol"));
            const view = new ThreadView(list, document.createElement("p"));
            const item = { type: "handoff", text: "a wish", status: "inProgress", turnId: "turn" };
            for (const callId of ["one", "two"]) view.handoff({ callId, state: "progress", text: `told to ${callId}` });
            view.record({ seq: 1, item: { ...item, id: "one", callId: "one" } });
            view.record({ seq: 2, turn: { id: "turn" } });
            view.record({ seq: 3, item: { ...item, id: "two", callId: "two" } });
            return [...list.children].map((line) => line.lastChild.textContent);
        }""")
        assert shown == ["told to one", "Passed on to the running work."]


async def test_lines_in_which_nothing_was_said_are_not_shown(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        during, after = await page.evaluate("""async () => {
            const { ThreadView } = await import("/console/thread.js");
            const list = document.body.appendChild(document.createElement("ol"));
            const view = new ThreadView(list, document.createElement("p"));
            const item = { id: "one", type: "userMessage", text: "" };
            view.record({ seq: 1, item: { ...item, status: "inProgress" } });
            const during = list.children.length;
            view.record({ seq: 2, item: { ...item, status: "completed" } });
            return [during, list.children.length];
        }""")
        assert (during, after) == (1, 0)


async def test_a_page_that_is_loaded_anew_in_a_call_says_what_became_of_it(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await page.reload()
        state = page.locator("#talk-state")
        await expect(state).to_contain_text("A call runs on this thread")
        ended = await page.request.delete(f"{gateway.url}/v1/threads/{page.url.partition('#')[2]}/realtime")
        assert ended.ok
        await expect(state).to_contain_text("The call on this thread has ended")
        await page.reload()
        await expect(state).to_contain_text("No call runs on this thread")


async def test_an_unknown_thread_in_the_address_is_told(gateway: GatewayProcess) -> None:
    address = f"{gateway.url}/#01a224c0-0000-7000-8000-000000000000"
    async with chromium() as browser, visiting(browser, address) as page:
        await expect(page.locator("#notice")).to_contain_text("does not have the thread")
        assert page.url != address
