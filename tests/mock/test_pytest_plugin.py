"""The pytest plugin, as tests of other people's clients use it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import pytest
import websockets
from openai.types.realtime import ConversationItemCreateEvent, ResponseCreateEvent, SessionUpdateEvent
from websockets.sync.client import ClientConnection, connect

from realtime.mock.reply import Context
from realtime.mock.running import RealtimeMock
from realtime.protocol.realtime import ClientEvent, ItemCreate

pytest_plugins = ("pytester",)

TYPED = {
    "type": "conversation.item.create",
    "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "what is the weather"}]},
}
CREATE = {"type": "response.create", "response": {"output_modalities": ["text"]}}
RULES = [{"when": {"said": "weather"}, "say": "It rains."}]


def joined(mock: RealtimeMock) -> ClientConnection:
    return connect(mock.ws_url, additional_headers=mock.headers)


def send(socket: ClientConnection, *events: dict[str, Any]) -> None:
    for event in events:
        socket.send(json.dumps(event))


def until(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(socket.recv(timeout=5.0))
        if event["type"] == kind:
            return event


def answer(socket: ClientConnection) -> str:
    send(socket, TYPED, CREATE)
    text: str = until(socket, "response.output_text.done")["text"]
    return text


@pytest.mark.realtime_mock(script=RULES)
def test_a_blocking_client_is_answered_by_rules(realtime_mock: RealtimeMock) -> None:
    with joined(realtime_mock) as socket:
        assert answer(socket) == "It rains."
    assert [frame.kind for frame in realtime_mock.sent()] == ["conversation.item.create", "response.create"]


@pytest.mark.realtime_mock(script=RULES)
async def test_an_async_client_waits_in_its_own_loop(realtime_mock: RealtimeMock) -> None:
    async with websockets.connect(realtime_mock.ws_url, additional_headers=realtime_mock.headers) as socket:
        await socket.send(json.dumps(TYPED))
        await socket.send(json.dumps(CREATE))
        (done,) = await realtime_mock.until("response.done", sender="server")
    assert done.event["response"]["output"][0]["content"][0]["text"] == "It rains."


def _shout(context: Context) -> str:
    assert context.message is not None
    return context.message.text.upper()


@pytest.mark.realtime_mock(script=_shout)
def test_a_function_answers(realtime_mock: RealtimeMock) -> None:
    with joined(realtime_mock) as socket:
        assert answer(socket) == "WHAT IS THE WEATHER"


@pytest.mark.parametrize(
    "realtime_mock", [{"script": "assistant"}, {"script": RULES, "key": "sk-other"}], indirect=True
)
def test_options_come_by_argument(realtime_mock: RealtimeMock) -> None:
    with joined(realtime_mock) as socket:
        assert answer(socket)


def test_a_client_without_the_key_is_refused(realtime_mock: RealtimeMock) -> None:
    with pytest.raises(websockets.InvalidStatus), connect(realtime_mock.ws_url):
        pass


def test_what_was_sent_is_typed(realtime_mock: RealtimeMock) -> None:
    with joined(realtime_mock) as socket:
        answer(socket)
    (item,) = realtime_mock.sent_as(ConversationItemCreateEvent)
    assert item.item.type == "message"
    assert realtime_mock.sent_as(ItemCreate)[0].item == TYPED["item"]
    (create,) = realtime_mock.sent_as(ResponseCreateEvent)
    assert create.response is not None
    assert create.response.output_modalities == ["text"]
    assert realtime_mock.sent_as(SessionUpdateEvent) == []
    with pytest.raises(TypeError, match="no literal"):
        realtime_mock.sent_as(ClientEvent)


@pytest.mark.realtime_mock(faults=[{"fault": "close", "on": "server", "match": {"type": "response.created"}}])
def test_a_fault_is_armed_from_the_start(realtime_mock: RealtimeMock) -> None:
    with joined(realtime_mock) as socket, pytest.raises(websockets.ConnectionClosedError) as caught:
        answer(socket)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011


@pytest.mark.parametrize("fault", ["drop", "rst", "close"])
def test_what_a_broken_connection_did_not_bring_was_not_answered(fault: str) -> None:
    with RealtimeMock() as mock:
        mock.add_fault(fault, match={"type": "response.done"})
        with joined(mock) as socket:
            answer(socket)
            with pytest.raises(websockets.ConnectionClosedError):
                until(socket, "response.done")
    assert mock.answered("response.output_text.done")
    assert mock.answered("response.done") == []


@pytest.mark.parametrize("fault", ["expire", "hang_up"])
@pytest.mark.realtime_mock(scenario="all-at-once")
def test_a_session_ends_where_the_fault_strikes(realtime_mock: RealtimeMock, fault: str) -> None:
    realtime_mock.add_fault(fault, match={"type": "response.created"})
    with joined(realtime_mock) as socket:
        send(socket, TYPED, CREATE)
        kinds = [json.loads(message)["type"] for message in socket]
    assert "response.done" not in kinds
    assert ("error" in kinds) == (fault == "expire")


@pytest.mark.realtime_mock(scenario="no-quota")
def test_a_scenario(realtime_mock: RealtimeMock) -> None:
    with joined(realtime_mock) as socket:
        send(socket, TYPED, CREATE)
        assert until(socket, "response.done")["response"]["status"] == "failed"


def test_faults_come_and_go_within_a_test(realtime_mock: RealtimeMock) -> None:
    with joined(realtime_mock) as socket:
        assert realtime_mock.add_fault("double", match={"type": "response.done"}, times=0) == "fault_1"
        answer(socket)
        realtime_mock.wait_for("response.done", count=2, sender="server")
        realtime_mock.clear_faults()
        answer(socket)
        realtime_mock.wait_for("response.done", count=3, sender="server")
        realtime_mock.push({"type": "rate_limits.updated", "event_id": "last", "rate_limits": []})
        while until(socket, "rate_limits.updated")["event_id"] != "last":
            pass
        assert len(realtime_mock.answered("response.done")) == 3
        with pytest.raises(ValueError, match="cannot happen"):
            realtime_mock.add_fault("refuse")


def test_the_inside_is_seen_and_the_clock_set_forward(realtime_mock: RealtimeMock) -> None:
    with joined(realtime_mock) as socket:
        answer(socket)
        until(socket, "response.done")
        (session,) = realtime_mock.sessions()
        assert [item["role"] for item in session["items"]] == ["user", "assistant"]
        realtime_mock.push({"type": "rate_limits.updated", "rate_limits": []})
        assert until(socket, "rate_limits.updated")["rate_limits"] == []
        with pytest.raises(ValueError, match="no session or connection 'c7'"):
            realtime_mock.push({"type": "rate_limits.updated", "rate_limits": []}, session="c7")
        realtime_mock.advance(3600)
        assert until(socket, "error")["error"]["code"] == "session_expired"


def test_waiting_in_vain_says_what_came_instead(realtime_mock: RealtimeMock) -> None:
    with joined(realtime_mock) as socket:
        send(socket, TYPED)
        realtime_mock.wait_for("conversation.item.create")
        with pytest.raises(TimeoutError, match=r"2 × conversation\.item\.create.*it sent: conversation\.item\.create"):
            realtime_mock.wait_for("conversation.item.create", count=2, timeout=0.01)


def test_a_client_that_stays_does_not_hold_up_the_end() -> None:
    with ExitStack() as stack:
        with RealtimeMock() as mock:
            socket = stack.enter_context(joined(mock))
            until(socket, "session.created")
        with pytest.raises(websockets.ConnectionClosed):
            socket.recv(timeout=5.0)


def test_wrong_options_are_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.realtime_mock(scenery="x")
        def test_unknown(realtime_mock): pass

        @pytest.mark.realtime_mock("default")
        def test_by_position(realtime_mock): pass

        @pytest.mark.realtime_mock(scenario="nobody")
        def test_scenario(realtime_mock): pass

        @pytest.mark.realtime_mock(faults=[{"fault": "refuse", "on": "server"}])
        def test_fault(realtime_mock): pass
        """
    )
    result = pytester.runpytest_subprocess("--strict-markers")
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(
        [
            "*has no option 'scenery'; there are script, scenario, faults, seed, key*",
            "*takes its options by name*",
            "*--scenario: not one of *: nobody*",
            "*'refuse' cannot happen on 'server'*",
        ]
    )


def test_a_failed_test_shows_the_frames(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("rain.yaml").write_text("- when: {said: rain}\n  say: wet\n")
    pytester.makepyfile(
        """
        import json, pytest
        from websockets.sync.client import connect

        @pytest.mark.realtime_mock(script="rain.yaml")
        def test_fails(realtime_mock):
            with connect(realtime_mock.ws_url, additional_headers=realtime_mock.headers) as socket:
                socket.send(json.dumps({"type": "response.create"}))
                realtime_mock.wait_for("response.done", sender="server")
            assert False
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*realtime_mock*", 'c1 → {"type":"response.create"}', "c1 ← *response.done*"])


def test_nothing_of_the_mock_is_loaded_before_a_test_asks_for_it() -> None:
    script = (
        "import sys, realtime.mock.pytest_plugin\n"
        "print(sorted({'aiohttp', 'numpy', 'pydantic', 'openai', 'orjson', 'realtime.mock.server'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
