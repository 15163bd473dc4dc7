"""Every code block of README.md and docs/ is run, and every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.documents.blocks import ROOT, Block, blocks_of, pages
from tests.documents.place import Place
from tests.documents.runs import rule_for, tools_of

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
