"""One gateway, one mock and one browser for all blocks."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest

from tests.documents.browser import PageServer
from tests.documents.place import Place, lay_out, recipe, served


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, canary_key: str) -> Iterator[Place]:
    """The gateway is what ``make serve`` starts, with a port of its own and the guide's pages let in."""
    folder = tmp_path_factory.mktemp("documents") / "voxgate"
    lay_out(folder)
    pages = PageServer()
    settings = {
        "VOXGATE_SERVER__PORT": "0",
        "VOXGATE_SERVER__ALLOWED_ORIGINS": json.dumps([pages.origin]),
        "VOXGATE_UPSTREAM__BASE_URL": "embedded",
        "VOXGATE_UPSTREAM__API_KEY": canary_key,
    }
    with (
        served(recipe("serve"), folder, settings) as port,
        served(".venv/bin/voxgate mock --port 0", folder, {}) as mock_port,
        pages.serving(),
    ):
        found = Place(folder, port, mock_port, pages)
        found.thread_id = _talked(found)
        yield found


def _talked(place: Place) -> str:
    """A thread in which something was said, as the documents' later commands expect it."""
    json_body = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{place.port}/v1/threads", b"{}", json_body)
    with urllib.request.urlopen(request) as response:
        thread_id = json.load(response)["thread"]["id"]
    gateway = f"ws://127.0.0.1:{place.port}"
    talk = ["--thread", thread_id, "--text", "what time is it? ask the agent", "--modality", "text"]
    place.run([".venv/bin/voxgate", "call", "--url", gateway, *talk])
    return str(thread_id)
