"""``docs/mock.md``: complete, and followed by a new user from an empty environment.

Its blocks are run with what is installed here by ``tests/documents``.
"""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from realtime.commands.mock import parser
from realtime.mock.faults import KINDS
from realtime.mock.pytest_plugin import _OPTIONS
from realtime.mock.running import RealtimeMock
from tests.documents.blocks import blocks_of
from tests.needs import not_run
from tests.wheel import ROOT, build_wheel

PAGE = ROOT / "docs" / "mock.md"
NEW_USER_S = 600


@dataclass(frozen=True, slots=True)
class Page:
    """Its files by name, and its commands."""

    files: dict[str, str]
    commands: list[str]

    def write(self, folder: Path) -> None:
        """All files, as the reader would copy them."""
        for name, text in self.files.items():
            (folder / name).write_text(text)


def read_page() -> Page:
    files, commands = {}, []
    for block in blocks_of(PAGE):
        if block.language == "sh" and block.marks.get("as") != "servers":
            commands.append(block.text)
        elif block.name is not None:
            files[block.name] = block.text
    return Page(files, commands)


def run(command: list[str], folder: Path, timeout: float = 120.0) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_it_has_the_files_that_its_tests_need() -> None:
    tests = {"test_talk.py", "test_client.py", "test_scripts.py", "test_library.py"}
    assert {*tests, "weather.yaml", "echo.py", "library.yaml"} == set(read_page().files)


def test_it_names_every_fault() -> None:
    table = PAGE.read_text().split("## Faults")[1].split("##")[0]
    assert {kind for kind in KINDS if f"`{kind}`" not in table} == set()


def test_it_names_every_option_of_the_command_and_of_the_marker() -> None:
    text = PAGE.read_text()
    options = [name for name in parser()._option_string_actions if name.startswith("--") and name != "--help"]
    assert len(options) > 8
    wanted = [*(f"`{name}" for name in options), *(f"`{name}`" for name in _OPTIONS)]
    assert [name for name in wanted if name not in text] == []


def test_it_names_everything_the_fixture_offers() -> None:
    offered = [name for name in vars(RealtimeMock) if not name.startswith("_")]
    text = PAGE.read_text()
    assert [name for name in offered if f"`{name}" not in text and f"await {name}(" not in text] == []


@pytest.mark.long
def test_a_new_user_follows_it(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    built = tmp_path / "built"
    built.mkdir()
    wheel = build_wheel(built)
    folder = tmp_path / "user"
    folder.mkdir()
    page = read_page()
    install, first, command = page.commands
    make, get = install.splitlines()
    run(["sh", "-ec", make], folder)
    try:
        run(["sh", "-ec", get.replace("dist/voxgate-*.whl", str(wheel))], folder, NEW_USER_S)
    except AssertionError as error:
        if "No matching distribution" in str(error) or "Connection" in str(error):
            not_run(request.node, "a package index")
        raise
    page.write(folder)
    assert "1 passed" in run(["sh", "-ec", first], folder)
    run(["sh", "-ec", command.replace("8765", str(free_port()))], folder)
    assert "8 passed" in run([str(folder / "mocked" / "bin" / "pytest")], folder)
