"""Every code block of README.md and docs/ is run, and every link leads somewhere."""

from __future__ import annotations

import re
import wave
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from realtime.agents.timers import Timers
from tests.documents.blocks import ROOT, Block, blocks_of, pages
from tests.documents.place import Place
from tests.documents.runs import example_text, rule_for, tools_of

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
PICTURE_BYTES = 150_000


def every_block() -> list[object]:
    """As parameters, each with the tools that it needs."""
    return [
        pytest.param(block, marks=[pytest.mark.needs(*tools_of(block))], id=str(block))
        for page in pages()
        for block in blocks_of(page)
    ]


@pytest.mark.parametrize("block", every_block())
def test_a_block_does_what_it_says(block: Block, request: pytest.FixtureRequest) -> None:
    run = rule_for(block)
    place: Place = request.getfixturevalue("place")
    run(block, place)


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target.read_text()), f"{page.name}: {link}"


def test_pictures_are_small_and_need_nothing_from_outside() -> None:
    pictures = sorted((ROOT / "docs").glob("*.svg")) + sorted((ROOT / "docs").glob("*.png"))
    assert {"architecture.svg", "page.png"} <= {picture.name for picture in pictures}
    for picture in pictures:
        assert picture.stat().st_size <= PICTURE_BYTES, picture.name
        if picture.suffix == ".svg":
            outside = picture.read_text().replace('"http://www.w3.org/2000/svg"', "")
            assert not re.search(r"https?:|url\((?!#)|href", outside), picture.name
            assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_the_three_things_to_say_are_understood(place: Place) -> None:
    said = re.findall(r'"([^"]+)"', (ROOT / "README.md").read_text().split("Three things to say:")[1].split("Then")[0])
    page = (ROOT / "realtime" / "server" / "console" / "index.html").read_text()
    assert re.findall(r'class="try">([^<]+)<', page) == said[:3]
    gateway = f"ws://127.0.0.1:{place.port}"
    talk = [".venv/bin/voxgate", "call", "--url", gateway, "--modality", "text", "--text"]
    assert "Try:" in place.run([*talk, said[0]])
    assert "391" in place.run([*talk, said[1]])
    timers, noon = Timers(), datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert "20 seconds is running" in (timers.answer(said[2], 0, noon) or "")
    assert "now 30 seconds" in (timers.answer(said[3], 5, noon) or "")


def test_the_examples_that_are_files_are_those_that_are_shown() -> None:
    shown = {block.text for page in pages() for block in blocks_of(page) if block.language == "python"}
    examples = {path.name for path in (ROOT / "docs" / "examples").glob("*.py")}
    assert examples == {"agent.py", "text_client.py"}
    assert {example_text(name) for name in examples} <= shown


def test_the_sample_to_say_aloud_is_small_and_plain() -> None:
    sample = ROOT / "docs" / "examples" / "question.wav"
    assert sample.stat().st_size <= 200 * 1024
    with wave.open(str(sample)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
