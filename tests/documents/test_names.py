"""The pages name what there is: settings with their defaults, codes, methods, routes, options, figures, faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module

import pytest

from realtime.cli import COMMANDS
from realtime.mock.faults import KINDS
from realtime.mock.scenarios import SCENARIOS
from realtime.server.methods import METHODS
from realtime.server.refusals import TABLE
from realtime.server.schemas import openapi
from realtime.settings import Section, Settings
from realtime.telemetry import Telemetry
from tests.documents.blocks import ROOT

INTERFACES = (ROOT / "docs/interfaces.md").read_text()
OPERATING = (ROOT / "docs/operating.md").read_text()
FRONT_ENDS = (ROOT / "docs/front-ends.md").read_text()
MOCK = (ROOT / "docs/mock.md").read_text()
MIB = 1 << 20
EVENTS = {"session.created", "session.update", "session.updated"}
"""Of the Realtime API: they begin as a section of ours is called."""
USAGES = [(name,) for name in COMMANDS if name != "threads"] + [("threads", "list"), ("threads", "show")]


def settings() -> Iterator[tuple[str, str, object]]:
    """Section, name and default of each."""
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            for name, setting in field.annotation.model_fields.items():
                yield section, name, setting.default


def written(default: object) -> set[str]:
    """The ways in which a page may give it."""
    if isinstance(default, bool):
        return {str(default).lower()}
    if isinstance(default, (int, float)):
        return {f"{default:g}", f"{int(default)}", f"{int(default):,}", f"{int(default) // MIB} MiB"}
    return {f"`{default}`"}


@pytest.mark.parametrize(("section", "name", "default"), list(settings()))
def test_a_setting_stands_there_with_its_default(section: str, name: str, default: object) -> None:
    (row,) = re.findall(rf"^\| {section} \|(.*)\|$", INTERFACES, re.MULTILINE)
    assert f"`{name}`" in row
    if default not in (None, ()):
        assert any(re.search(rf"`{name}` \({re.escape(text)}(?![\w.])", row) for text in written(default)), default


def test_a_setting_that_is_named_is_there() -> None:
    known = {f"{section}.{name}" for section, name, _ in settings()}
    sections = {section for section, _, _ in settings()}
    pages = [path.read_text() for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md")]]
    named = {
        f"{section}.{name}"
        for section, name in re.findall(r"`([a-z]+)\.([a-z_]+)(?: = [^`]*|: [^`]*)?`", "\n".join(pages))
        if section in sections
    }
    assert named > {"server.udp_ports", "limits.orphan_s", "session.webrtc"}
    assert named - EVENTS <= known


def test_the_figures_are_those_that_are_told() -> None:
    told = set(re.findall(r"^# TYPE (\w+) (\w+)$", Telemetry().snapshot(), re.MULTILINE))
    named = set(re.findall(r"^\| `(voxgate_\w+)(?:\{\w+\})?` \| (\w+) \|", OPERATING, re.MULTILINE))
    assert named == told


@pytest.mark.parametrize("code", TABLE)
def test_a_code_stands_there_and_what_to_do_about_it(code: str) -> None:
    assert f"`{code}`" in INTERFACES
    assert f"`{code}`" in FRONT_ENDS


@pytest.mark.parametrize("method", METHODS)
def test_a_method_stands_there(method: str) -> None:
    assert re.search(rf"`(?:{method}|…/{method.rpartition('/')[2]})[ `]", INTERFACES)


def test_a_route_stands_there() -> None:
    for path, operations in openapi()["paths"].items():
        shown = path.replace("{threadId}", "{id}").replace("{call_id}", "{id}").replace("{name}", "{file}")
        short = shown.replace("/v1/threads/{id}/realtime", "…/realtime")
        lines = [line for line in INTERFACES.splitlines() if shown in line or short in line]
        assert lines, path
        for verb in set(operations) - {"get"}:
            assert any(verb.upper() in line for line in lines), f"{verb} {path}"


@pytest.mark.parametrize("usage", USAGES)
def test_a_command_stands_there_with_its_options(usage: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = re.findall(rf"^\|(?: `[^`]*`,)* `voxgate {' '.join(usage)}\b([^`]*)`", INTERFACES, re.MULTILINE)
    with pytest.raises(SystemExit):
        import_module(f"realtime.commands.{usage[0]}").parser().parse_args([*usage[1:], "--help"])
    options = set(re.findall(r"^ +(?:-h, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert set(re.findall(r"--[a-z-]+", shown)) == options - {"--help"}


def test_faults_and_scenarios_are_those_that_are_told() -> None:
    (told,) = re.findall(r"^## Faults$(.*?)^## ", MOCK, re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| (`.*?) \|", told, re.MULTILINE)
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} == set(KINDS)
    assert all(f"`{kind}" in INTERFACES for kind in KINDS)
    scenarios = MOCK.partition("\n## Scenarios\n")[2].partition("\n### ")[0]
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", scenarios, re.MULTILINE)) == set(SCENARIOS)
