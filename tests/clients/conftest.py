"""A mock whose every event is judged, and a way to let a published client loose on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from realtime.mock.server import MockServer
from tests.clients.journal import judge
from tests.clients.programs import NODE, PYTHON, Program
from tests.needs import not_run


@pytest.fixture
async def mock(tmp_path: Path) -> AsyncIterator[MockServer]:
    """When the test is over, all that the mock sent must be as the SDK's types and the book have it."""
    log = tmp_path / "frames.jsonl"
    async with MockServer(seed=7, log=log) as server:
        yield server
    judge(log)


def _program(request: pytest.FixtureRequest, program: Program) -> Program:
    if missing := program.missing():
        not_run(request.node, missing)
    return program


@pytest.fixture
def node(request: pytest.FixtureRequest) -> Program:
    """Runs a script beside this file with Node and the locked packages from npm."""
    return _program(request, NODE)


@pytest.fixture
def python(request: pytest.FixtureRequest) -> Program:
    """Runs a script beside this file with the locked clients from PyPI."""
    return _program(request, PYTHON)
