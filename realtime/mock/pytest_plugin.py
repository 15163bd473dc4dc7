"""A pytest plugin: the fixture ``realtime_mock``. It costs nothing where nobody asks for the fixture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from realtime.mock.running import RealtimeMock

_MARKER = "realtime_mock"
_OPTIONS = ("script", "scenario", "faults", "seed", "key")
_FRAMES_SHOWN = 60


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", f"{_MARKER}({', '.join(f'{name}=…' for name in _OPTIONS)}): how the fixture {_MARKER} behaves"
    )


@pytest.fixture
def realtime_mock(request: pytest.FixtureRequest) -> Iterator[RealtimeMock]:
    """A mock of the Realtime API for one test, in a thread of its own.

    Options come by the marker of the same name or, as a dictionary, by indirect parametrization, which wins.
    """
    from realtime.errors import ConfigurationError  # only tests that use the mock pay for it
    from realtime.mock.running import RealtimeMock

    options = _options(request)
    try:
        mock = RealtimeMock(**options)
    except (ConfigurationError, ValueError) as error:
        raise pytest.UsageError(f"{_MARKER}: {error}") from None
    with mock:
        yield mock


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """A test that failed shows what went over the wire."""
    mock: RealtimeMock | None = getattr(item, "funcargs", {}).get(_MARKER)
    if mock is not None and call.when == "call" and call.excinfo is not None:
        frames = mock.frames()
        left_out = [f"… {len(frames) - _FRAMES_SHOWN} before"] if len(frames) > _FRAMES_SHOWN else []
        item.add_report_section("call", _MARKER, "\n".join([*left_out, *map(str, frames[-_FRAMES_SHOWN:])]))


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for mark in request.node.iter_markers(_MARKER):  # the nearest first
        if mark.args:
            raise pytest.UsageError(f"the marker {_MARKER} takes its options by name: {', '.join(_OPTIONS)}")
        options = {**mark.kwargs, **options}
    options |= getattr(request, "param", {})
    if unknown := [name for name in options if name not in _OPTIONS]:
        raise pytest.UsageError(f"{_MARKER} has no option {unknown[0]!r}; there are {', '.join(_OPTIONS)}")
    if isinstance(script := options.get("script"), str):
        options["script"] = _beside(request.path, script)
    return options


def _beside(test: Path, script: str) -> str | Path:
    """A file beside the test, if there is one; else what it says."""
    path = test.parent / script
    return path if path.is_file() else script
