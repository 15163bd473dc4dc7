"""MCP tools: servers are listed, called, approved and refused by the rules of the book."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime.mock.magic import DefaultScript
from realtime.mock.mcp import McpServer, McpTool
from realtime.mock.model import MockModel
from realtime.protocol.json import JsonObject
from tests.mock.order import OrderChecker
from tests.mock.remote import ECHO, Hosted, equip, equipped, free, outputs
from tests.mock.talk import Talk, function, said, server

DISK_FULL = {"type": "tool_execution_error", "message": "The disk is full."}


def approve(talk: Talk, request: JsonObject, *, approve: bool = True, **members: Any) -> list[JsonObject]:
    item = {"type": "mcp_approval_response", "approval_request_id": request["id"], "approve": approve, **members}
    return talk.send("conversation.item.create", item=item)


class TestListing:
    def test_an_item_holds_the_tools(self) -> None:
        talk = Talk()
        first = talk.type("before")
        at_once = talk.send("session.update", session={"type": "realtime", "tools": [server("docs")]})
        assert [event["type"] for event in at_once] == [
            "session.updated",
            "conversation.item.added",
            "mcp_list_tools.in_progress",
        ]
        added, later = at_once[1], talk.wait(1.0)
        assert (added["previous_item_id"], added["item"]["type"], added["item"]["tools"]) == (
            first,
            "mcp_list_tools",
            [],
        )
        assert [event["type"] for event in later] == ["conversation.item.done", "mcp_list_tools.completed"]
        (tool,) = later[0]["item"]["tools"]
        assert (tool["name"], tool["input_schema"]["required"]) == ("echo", ["text"])
        assert {event["item_id"] for event in (at_once[2], later[1])} == {added["item"]["id"]}
        (shown,) = talk.send("conversation.item.retrieve", item_id=added["item"]["id"])
        assert shown["item"]["tools"] == [tool]

    def test_one_that_fails_has_no_tools(self) -> None:
        for label, script in (("unreachable", None), ("down", Hosted(down=McpServer(reachable=False)))):
            talk = equipped(free(label), script=script)
            assert talk.kinds()[-2:] == ["conversation.item.done", "mcp_list_tools.failed"]
            assert talk.events[-2]["item"]["tools"] == []
            assert outputs(talk.ask(ECHO)) == ["message"]

    def test_a_server_is_asked_again_only_when_it_is_another(self) -> None:
        talk = equipped(free("docs"))
        equip(talk, free("docs"), instructions="Be brief.")
        assert len(talk.all("mcp_list_tools.completed")) == 1
        equip(talk, server("docs"), free("news"))
        assert len(talk.all("mcp_list_tools.completed")) == 3
        equip(talk)
        equip(talk, free("news"))
        assert len(talk.all("mcp_list_tools.completed")) == 4

    def test_nothing_can_be_called_before(self) -> None:
        talk = Talk()
        talk.send("session.update", session={"type": "realtime", "tools": [free("docs")]})
        talk.begin(ECHO)
        assert outputs(talk.until("response.done")["response"]) == ["message"]
        assert outputs(talk.ask(ECHO)) == ["mcp_call"]

    def test_a_client_may_delete_the_item_meanwhile(self) -> None:
        talk = Talk()
        events = talk.send("session.update", session={"type": "realtime", "tools": [free("docs")]})
        talk.send("conversation.item.delete", item_id=events[1]["item"]["id"])
        assert [event["type"] for event in talk.wait(1.0)] == ["mcp_list_tools.completed"]
        assert outputs(talk.ask(ECHO)) == ["mcp_call"]

    def test_a_response_brings_its_own(self) -> None:
        talk = Talk()
        talk.type(ECHO)
        response = talk.respond(tools=[free("docs")])
        assert outputs(response) == ["mcp_call"]
        kinds = talk.kinds()
        assert kinds.index("mcp_list_tools.completed") < kinds.index("response.created")
        talk.type(ECHO)
        talk.respond(tools=[free("docs")])
        assert len(talk.all("mcp_list_tools.completed")) == 1

    def test_a_session_may_begin_with_them(self) -> None:
        opening = {"type": "realtime", "tools": [free("docs", authorization="s3cret")]}
        model, order, kinds = MockModel(DefaultScript(), seed="s", opening=opening), OrderChecker(), []
        for effect in [*model.opened(1.0), *model.tick(1.0), *model.tick(5.0)]:
            assert isinstance(effect, dict)
            assert "s3cret" not in json.dumps(effect)
            order.see(effect)
            kinds.append(effect["type"])
        assert kinds[0] == "session.created"
        assert kinds[-1] == "mcp_list_tools.completed"

    @pytest.mark.parametrize(
        ("allowed", "names"),
        [
            (None, ["find", "write"]),
            (["write"], ["write"]),
            ({"tool_names": ["find"]}, ["find"]),
            ({"read_only": False}, ["write"]),
        ],
    )
    def test_only_what_is_allowed(self, allowed: object, names: list[str]) -> None:
        docs = McpServer((McpTool("find", read_only=True), McpTool("write")))
        talk = equipped(free("docs", allowed_tools=allowed), script=Hosted(docs=docs))
        item = talk.last("conversation.item.done")["item"]
        assert [tool["name"] for tool in item["tools"]] == names
        for name in ("find", "write"):
            response = talk.ask(f'please call {name} with {{"text": "x"}}')
            assert ("mcp_call" in outputs(response)) == (name in names)


class TestCalls:
    def test_a_call_and_the_response_that_tells_of_it(self) -> None:
        talk = equipped(free("docs"))
        response = talk.ask(ECHO)
        kinds = talk.kinds()
        assert kinds[kinds.index("response.output_item.added") :] == [
            "response.output_item.added",
            "conversation.item.added",
            "response.mcp_call_arguments.delta",
            "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress",
            "response.mcp_call.completed",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        (call,) = response["output"]
        assert (call["server_label"], call["name"], call["arguments"]) == ("docs", "echo", '{"text": "there"}')
        assert call["output"] == "there"
        assert talk.wait(5.0) == []
        assert said(talk.respond()) == "there"

    def test_a_call_has_no_member_without_a_value(self) -> None:
        talk = equipped(
            free("docs"), script=Hosted(docs=McpServer((McpTool("write", error=DISK_FULL), McpTool("echo"))))
        )
        for text in (ECHO, "please call write with {}"):
            talk.ask(text)
        items = [event["item"] for event in talk.events if "item" in event]
        shown = [item for item in items if item["type"] == "mcp_call"]
        assert shown
        assert not [item for item in shown if None in item.values() or "approval_request_id" in item]
        assert {item["output"] for item in shown} == {"", "there"}
        assert [item["error"] for item in shown if "error" in item] == [DISK_FULL] * 2
        assert talk.last("response.done")["response"]["output"][-1]["error"] == DISK_FULL

    def test_deltas_of_the_arguments_are_obfuscated(self) -> None:
        talk = equipped(free("docs"))
        talk.ask('please call echo with {"text": "a longer one, in two pieces"}')
        deltas = talk.all("response.mcp_call_arguments.delta")
        assert len(deltas) > 1
        assert len({len(event["delta"] + event["obfuscation"]) for event in deltas}) == 1

    @pytest.mark.parametrize(
        "error",
        [
            {"type": "protocol_error", "code": -32601, "message": "No such method."},
            {"type": "http_error", "code": 502, "message": "Bad gateway."},
            DISK_FULL,
        ],
    )
    def test_a_call_that_fails(self, error: JsonObject) -> None:
        talk = equipped(free("docs"), script=Hosted(docs=McpServer((McpTool("write", error=error),))))
        response = talk.ask("please call write with {}")
        assert (response["status"], response["output"][0]["error"]) == ("completed", error)
        assert response["output"][0]["output"] == ""
        assert talk.all("response.mcp_call.failed")
        assert not talk.all("response.mcp_call.completed")
        assert said(talk.respond()) == error["message"]

    def test_echo_needs_its_text(self) -> None:
        (call,) = equipped(free("docs")).ask("please call echo with {}")["output"]
        assert call["error"] == {"type": "tool_execution_error", "message": "The argument 'text' is missing."}

    def test_arguments_that_are_no_object(self) -> None:
        for arguments in ("", "[]", "{"):
            assert McpTool("echo").call(arguments)["error"]["type"] == "protocol_error"

    def test_names_that_are_taken_go_by_their_label(self) -> None:
        talk = equipped(
            function("find"), free("a"), free("b"), free("find"), script=Hosted(find=McpServer((McpTool("find"),)))
        )
        assert outputs(talk.ask("please call find with {}")) == ["function_call"]
        assert talk.ask('please call echo with {"text": "x"}')["output"][-1]["server_label"] == "a"
        assert talk.ask('please call b.echo with {"text": "x"}')["output"][-1]["server_label"] == "b"
        assert talk.ask('please call find.find with {"text": "x"}')["output"][-1]["type"] == "mcp_call"

    @pytest.mark.parametrize("after", ["response.mcp_call_arguments.delta", "response.mcp_call.in_progress"])
    def test_cancelled(self, after: str) -> None:
        talk = equipped(free("docs"))
        talk.begin(ECHO)
        talk.until(after)
        events = talk.send("response.cancel")
        ends = {
            "response.mcp_call_arguments.delta": "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress": "response.mcp_call.failed",
        }
        assert [event["type"] for event in events] == [
            ends[after],
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        assert talk.wait(5.0) == []

    def test_out_of_band_nothing_of_it_stays(self) -> None:
        talk = equipped(free("docs"))
        talk.type(ECHO)
        before = [item["id"] for item in talk.model.state()["items"]]
        assert outputs(talk.respond(conversation="none")) == ["mcp_call"]
        assert [item["id"] for item in talk.model.state()["items"]] == before


class TestApproval:
    @pytest.mark.parametrize(
        ("setting", "asks"),
        [
            ("always", True),
            ("never", False),
            (None, True),
            ({"never": {"tool_names": ["echo"]}}, False),
            ({"never": {"tool_names": ["other"]}}, True),
            ({"always": {"tool_names": ["echo"]}, "never": {"read_only": True}}, True),
            ({"never": {"read_only": True}}, False),
        ],
    )
    def test_which_calls_need_it(self, setting: object, asks: bool) -> None:
        talk = equipped(server("docs", require_approval=setting))
        assert outputs(talk.ask(ECHO)) == ["mcp_approval_request" if asks else "mcp_call"]

    def test_the_next_response_does_what_was_approved(self) -> None:
        talk = equipped(server("docs"))
        (request,) = talk.ask(ECHO)["output"]
        assert (request["server_label"], request["name"], request["arguments"]) == ("docs", "echo", '{"text": "there"}')
        added, done = approve(talk, request)
        assert added["item"] == done["item"]
        assert added["item"]["approve"] is True
        assert talk.wait(5.0) == []
        (call,) = talk.respond()["output"]
        assert (call["type"], call["output"], call["approval_request_id"]) == ("mcp_call", "there", request["id"])
        assert said(talk.respond()) == "there"

    def test_what_was_said_meanwhile_is_answered_after_the_call(self) -> None:
        talk = equipped(server("docs"))
        (request,) = talk.ask(ECHO)["output"]
        approve(talk, request)
        assert outputs(talk.ask("and more")) == ["mcp_call"]
        assert said(talk.respond()) == "there and more"

    def test_what_was_not_approved_is_not_called(self) -> None:
        talk = equipped(server("docs"))
        (request,) = talk.ask(ECHO)["output"]
        approve(talk, request, approve=False, id="mine", reason="too dear")
        assert said(talk.respond()) == "Not approved: too dear"
        assert not talk.all("response.mcp_call.in_progress")

    def test_an_answer_to_nothing_is_refused(self) -> None:
        talk = equipped(server("docs"))
        message = talk.type("no request")
        for unknown in ("mcpr_unknown", message):
            item = {"type": "mcp_approval_response", "approval_request_id": unknown, "approve": True}
            error = talk.refused("conversation.item.create", item=item)
            assert (error["code"], error["param"]) == ("invalid_value", "item.approval_request_id")

    def test_a_second_answer_is_refused(self) -> None:
        talk = equipped(server("docs"))
        (request,) = talk.ask(ECHO)["output"]
        approve(talk, request)
        (again,) = approve(talk, request, approve=False)
        assert (again["error"]["code"], again["error"]["param"]) == ("invalid_value", "item.approval_request_id")
        assert outputs(talk.respond()) == ["mcp_call"]

    @pytest.mark.parametrize(
        ("item", "code", "param"),
        [
            ({"approve": True}, "missing_required_parameter", "item.approval_request_id"),
            ({"approval_request_id": "x"}, "missing_required_parameter", "item.approve"),
            ({"approval_request_id": "x", "approve": "yes"}, "invalid_type", "item.approve"),
            ({"approval_request_id": "x", "approve": True, "reason": 1}, "invalid_type", "item.reason"),
            ({"approval_request_id": "x", "approve": True, "colour": 1}, "unknown_parameter", "item.colour"),
        ],
    )
    def test_an_answer_has_its_shape(self, item: JsonObject, code: str, param: str) -> None:
        error = Talk().refused("conversation.item.create", item={"type": "mcp_approval_response", **item})
        assert (error["code"], error["param"]) == (code, param)


class TestToolChoice:
    def test_a_server_s_tool_can_be_forced(self) -> None:
        for choice in ({"type": "mcp", "server_label": "b"}, {"type": "mcp", "server_label": "b", "name": "echo"}):
            talk = equipped(function("f"), free("a"), free("b"))
            talk.type("hello")
            (call,) = talk.respond(tool_choice=choice)["output"]
            assert (call["server_label"], call["output"]) == ("b", "hello")

    def test_a_tool_that_the_server_has_not_is_not_called(self) -> None:
        talk = equipped(free("a"))
        talk.type("hello")
        choice = {"type": "mcp", "server_label": "a", "name": "nothing"}
        assert outputs(talk.respond(tool_choice=choice)) == ["message"]

    def test_none_of_them_with_none(self) -> None:
        talk = equipped(free("a"), tool_choice="none")
        assert outputs(talk.ask(ECHO)) == ["message"]

    def test_a_server_that_is_not_there_is_refused(self) -> None:
        talk = equipped(free("a"))
        choice = {"type": "mcp", "server_label": "b"}
        error = talk.refused("session.update", session={"type": "realtime", "tool_choice": choice})
        assert (error["code"], error["param"]) == ("invalid_value", "session.tool_choice")
        error = talk.refused("response.create", response={"tool_choice": choice})
        assert (error["code"], error["param"]) == ("invalid_value", "response.tool_choice")
