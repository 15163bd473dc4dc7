"""What the page says and does when it is refused, cut off, or lacks something."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Route, expect

from tests.browser.chromium import chromium, visiting
from tests.browser.test_page import answered, type_in
from tests.gateway.process import GatewayProcess, Serve, serving

pytestmark = pytest.mark.needs("chromium")


async def test_a_call_that_ended_while_the_gateway_was_away_is_not_shown_as_running(
    gateway_env: Mapping[str, str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with serving(Serve(gateway_env, data)) as first, chromium() as browser, visiting(browser, first.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await first.kill()
        await expect(page.locator("#word-control")).to_have_text("lost, coming back")
        await type_in(page, "what is 7 times 7")
        await expect(page.locator("#say")).to_have_value("what is 7 times 7")  # nobody has it: it is given back
        async with serving(Serve(gateway_env, data, flags=("--port", str(first.port)))):
            await expect(page.locator("#talk-state")).to_contain_text("while the gateway was away", timeout=20_000)
            await expect(page.locator("#talk-button")).to_have_text("Talk")
            await page.press("#say", "Enter")
            await answered(page, "49")


async def test_a_call_that_another_window_takes_is_not_said_to_have_been_hung_up(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        async with visiting(browser, page.url) as other:
            await other.select_option("#modality", "text")
            await type_in(other, "what is 7 times 7")
            await answered(other, "49")
        await expect(page.locator("#talk-state")).to_contain_text("from elsewhere")


async def test_a_wrong_token_is_said_once_and_the_page_waits_for_another(
    gateway_env: Mapping[str, str], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token\n")
    serve = Serve(gateway_env, tmp_path / "data", {"server.auth_tokens_file": str(tokens)})
    async with serving(serve) as gateway, chromium() as browser:
        page = await browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        await page.goto(gateway.url)
        said = page.locator("#token-said")
        await expect(said).to_contain_text("wants an access token")
        for token, words in [("wrong", "does not know"), ("letters/of=base64", "cannot send")]:
            await page.fill("#token", token)
            await page.press("#token", "Enter")
            await expect(said).to_contain_text(words)
            await expect(page.locator("#word-control")).to_have_text("refused")
        await page.clock.install()
        await page.click("#settings-close")
        await page.clock.run_for(60_000)
        await expect(page.locator("#settings")).to_be_hidden()
        assert len(sockets) == 2  # none for the token that cannot be sent, and none without being asked
        await page.click("#open-settings")
        await page.fill("#token", "a-token")
        await page.click("#token-use")
        await expect(page.locator("#word-control")).to_have_text("connected")
        await expect(said).to_be_empty()
        assert errors == []


async def test_a_page_of_a_foreign_address_is_told_why_it_is_refused(gateway: GatewayProcess) -> None:
    foreign, own = "voice.localhost", gateway.url.removeprefix("http://")

    async def fetched(route: Route) -> None:
        """The page's parts come, as through a proxy that names the gateway's own host."""
        part = await route.fetch(url=route.request.url.replace(foreign, own), headers={})
        await route.fulfill(body=await part.body(), content_type=part.headers["content-type"])

    async with chromium("--disable-features=LocalNetworkAccessChecks") as browser:
        page = await browser.new_page()
        await page.route(f"http://{foreign}/**", fetched)
        await page.add_init_script(f"""
            const Own = WebSocket;
            window.WebSocket = class extends Own {{
                constructor(address, protocols) {{ super(String(address).replace("{foreign}", "{own}"), protocols); }}
            }};
        """)
        await page.goto(f"http://{foreign}/")
        await expect(page.locator("#word-control")).to_have_text("refused")
        await expect(page.locator("#notice")).to_contain_text("server.allowed_origins")
        await expect(page.locator("#settings")).to_be_hidden()


async def test_what_waits_for_an_answer_ends_when_the_connection_is_made_anew(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        code = await page.evaluate("""async () => {
            const { Rpc } = await import("/console/rpc.js");
            const opened = Promise.withResolvers();
            const onState = (state) => state === "open" && opened.resolve();
            const rpc = new Rpc({ onNotification() {}, onFrame() {}, onState });
            rpc.connect();
            await opened.promise;
            const asked = rpc.call("thread/list", {});
            rpc.reconnect();
            return asked.then(() => "answered", (error) => error.code);
        }""")
        assert code == "connection_lost"


async def test_a_page_without_microphone_and_clipboard_says_what_to_do(gateway: GatewayProcess) -> None:
    async def without(visit: BrowserContext) -> None:
        await visit.add_init_script("""
            for (const name of ["mediaDevices", "clipboard"])
                Object.defineProperty(navigator, name, { value: undefined });
        """)

    async with chromium() as browser, visiting(browser, gateway.url, before=without) as page:
        await page.click("#talk-button")
        await expect(page.locator("#notice")).to_contain_text("only to pages that came by https")
        await expect(page.locator("#wire-copy")).to_be_hidden()
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        await expect(page.locator("#notice")).to_be_hidden()


async def test_stopping_an_answer_where_none_sounds_is_no_fault(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.evaluate("document.getElementById('hush').onclick()")  # it has ended in this moment
        await expect(page.locator("#wire-rows tr", has_text="thread/realtime/interrupt refused")).to_have_count(1)
        await expect(page.locator("#notice")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 390, 700, 1280])
async def test_menus_stay_on_the_page(gateway: GatewayProcess, width: int) -> None:
    async with (
        chromium() as browser,
        visiting(browser, gateway.url, viewport={"width": width, "height": 800}) as page,
    ):
        for menu in ("#threads-menu", "#export-menu"):
            await page.click(f"{menu} summary")
            box = await page.locator(f"{menu} ul").bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            await page.click(f"{menu} summary")


async def test_threads_are_listed_behind_many_that_stayed_empty(gateway: GatewayProcess) -> None:
    async with chromium() as browser, visiting(browser, gateway.url) as page:
        await page.select_option("#modality", "text")
        await type_in(page, "what is 6 times 7")
        await answered(page, "42")
        for _ in range(40):
            await page.request.post(f"{gateway.url}/v1/threads")
        await page.click("#threads-menu summary")
        await expect(page.locator("#threads li")).to_have_count(1)
