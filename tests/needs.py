"""A pytest plugin for tests that need a tool of the machine, and for the long matrix.

A test marked ``needs("flite")`` where that tool is missing ends as NOT RUN, listed by name at the end; with
``CI=true`` it fails. A test marked ``long`` runs with ``VOXGATE_LONG=1`` only.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import pytest

_OUTSIDE_PATH = ("/usr/lib/postgresql",)
_NOT_RUN = pytest.StashKey[Counter[tuple[str, str]]]()


def find_tool(name: str) -> Path | None:
    """The tool's path; also where Debian keeps the database's own programs."""
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    hidden = sorted(path for folder in _OUTSIDE_PATH for path in Path(folder).glob(f"*/bin/{name}"))
    return hidden[-1] if hidden else None


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_NOT_RUN] = Counter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("VOXGATE_LONG") == "1":
        return
    for item in items:
        if item.get_closest_marker("long") is not None:
            item.add_marker(pytest.mark.skip(reason="part of the long matrix: VOXGATE_LONG=1"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [name for mark in item.iter_markers("needs") for name in mark.args if find_tool(name) is None]
    if missing:
        not_run(item, ", ".join(missing))


def not_run(item: pytest.Item, needed: str) -> NoReturn:
    """End this test as NOT RUN; a failure where ``CI=true``."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"needs {needed}", pytrace=False)
    item.config.stash[_NOT_RUN][item.nodeid.split("::")[0], needed] += 1
    pytest.skip(f"NOT RUN: needs {needed}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands over what it did not run."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["not_run"] = [[*what, count] for what, count in session.config.stash[_NOT_RUN].items()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The main process takes it."""
    for group, names, count in getattr(node, "workeroutput", {}).get("not_run", ()):
        node.config.stash[_NOT_RUN][group, names] += count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for (group, names), count in sorted(config.stash[_NOT_RUN].items()):
        terminalreporter.line(f"NOT RUN: {group} ({count} tests): needs {names}", yellow=True)
