"""How MCP servers are described: by clients, with their secrets, and by scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from realtime.errors import ConfigurationError
from realtime.mock.journal import Journal
from realtime.mock.script import load_script
from realtime.protocol.json import JsonObject
from tests.mock.remote import ECHO, equip, equipped, free
from tests.mock.talk import Talk, said, server


class TestShape:
    @pytest.mark.parametrize(
        ("tool", "code", "param"),
        [
            ({"server_url": "https://x.example"}, "missing_required_parameter", "server_label"),
            ({"server_label": "a"}, "missing_required_parameter", "server_url"),
            (server("a", tunnel_id="t"), "invalid_value", "tunnel_id"),
            (server("a", colour=1), "unknown_parameter", "colour"),
            (server("a", authorization=1), "invalid_type", "authorization"),
            (server("a", headers=[]), "invalid_type", "headers"),
            (server("a", headers={"X": 1}), "invalid_type", "headers.X"),
            (server("a", allowed_tools="echo"), "invalid_type", "allowed_tools"),
            (server("a", allowed_tools=[1]), "invalid_type", "allowed_tools[0]"),
            (server("a", allowed_tools={"names": []}), "unknown_parameter", "allowed_tools.names"),
            (server("a", require_approval="maybe"), "invalid_value", "require_approval"),
            (server("a", require_approval=True), "invalid_type", "require_approval"),
            (server("a", require_approval={"always": []}), "invalid_type", "require_approval.always"),
            (server("a", server_description=1), "invalid_type", "server_description"),
            (server("a", defer_loading="yes"), "invalid_type", "defer_loading"),
            ({"server_label": "a", "connector_id": "connector_x"}, "invalid_value", "connector_id"),
        ],
    )
    def test_a_wrong_one_is_refused(self, tool: JsonObject, code: str, param: str) -> None:
        talk, tools = Talk(), [{**tool, "type": "mcp"}]
        error = talk.refused("session.update", session={"type": "realtime", "tools": tools})
        assert (error["code"], error["param"]) == (code, f"session.tools[0].{param}")
        error = talk.refused("response.create", response={"tools": tools})
        assert (error["code"], error["param"]) == (code, f"response.tools[0].{param}")
        assert not talk.all("mcp_list_tools.in_progress")

    def test_labels_are_distinct(self) -> None:
        error = Talk().refused("session.update", session={"type": "realtime", "tools": [server("a"), server("a")]})
        assert (error["code"], error["param"]) == ("invalid_value", "session.tools[1].server_label")

    @pytest.mark.parametrize(
        "place", [{"tunnel_id": "tunnel_1"}, {"connector_id": "connector_gmail"}, {"server_url": "https://x.example"}]
    )
    def test_a_server_stands_in_one_of_three_places(self, place: JsonObject) -> None:
        talk = equipped({"type": "mcp", "server_label": "a", **place, "defer_loading": False, "headers": None})
        assert talk.all("mcp_list_tools.completed")


class TestSecrets:
    TOOL = free("docs", authorization="s3cret", headers={"X-Key": "s3cret"})

    def test_are_not_told_again(self) -> None:
        talk = Talk()
        (shown,) = equip(talk, self.TOOL)["tools"]
        assert "authorization" not in shown
        assert shown["headers"] == {"X-Key": "***"}
        assert shown["server_url"] == "https://docs.example/mcp"
        talk.type(ECHO)
        talk.respond(tools=[free("more", authorization="s3cret")])
        assert "s3cret" not in json.dumps([talk.events, talk.model.state()])

    def test_do_not_get_into_the_log(self, tmp_path: Path) -> None:
        path = tmp_path / "log.jsonl"
        journal = Journal(path)
        for place, kind in (("session", "session.update"), ("response", "response.create")):
            journal.write("c1", "client", json.dumps({"type": kind, place: {"tools": [self.TOOL, 1]}}))
            odd = {"authorization": "s3cret", "headers": "s3cret"}
            journal.write("c1", "client", json.dumps({"type": kind, place: {"tools": [odd]}}))
        journal.close()
        assert "s3cret" not in path.read_text()
        assert path.read_text().count("docs") == 4


class TestScripts:
    YAML = """
- mcp: docs
  tools:
    - {name: find, output: "Page 7."}
    - {name: burn, error: {type: http_error, code: 503, message: "Not now."}}
- {mcp: down, reachable: false}
- when: {output_of: find}
  say: "It is on: {output}"
"""

    def test_of_yaml_have_servers(self, tmp_path: Path) -> None:
        path = tmp_path / "script.yaml"
        path.write_text(self.YAML)
        talk = Talk(load_script(str(path)))
        equip(talk, free("docs"), free("down"), output_modalities=["text"])
        assert len(talk.all("mcp_list_tools.failed")) == 1
        talk.ask("please call find with {}")
        assert said(talk.respond()) == "It is on: Page 7."
        assert talk.ask("please call burn with {}")["output"][-1]["error"]["code"] == 503

    def test_of_python_have_servers(self, tmp_path: Path) -> None:
        path = tmp_path / "script.py"
        path.write_text(
            "servers = [{'mcp': 'docs', 'tools': [{'name': 'find', 'output': 'Page 7.'}]}]\n"
            "def reply(context):\n"
            "    return {'call': {'name': 'find'}} if not context.news else context.news[0].text\n"
        )
        talk = Talk(load_script(str(path)))
        equip(talk, free("docs"), output_modalities=["text"])
        talk.ask("anything")
        assert said(talk.respond()) == "Page 7."

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("a.yaml", "- {mcp: docs, tools: [{output: x}]}"),
            ("a.yaml", "- {mcp: docs, tools: [{name: x, error: {type: http_error, code: 1}}]}"),
            ("a.py", "servers = [{'tools': []}]\ndef reply(context): return None"),
        ],
    )
    def test_that_are_wrong_are_refused(self, tmp_path: Path, name: str, text: str) -> None:
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=r"servers\[0\]|rules\[0\]"):
            load_script(str(path))
