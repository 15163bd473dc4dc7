"""How each kind of block is run: a rule by language, refined by the block's name and marks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from realtime.mock.script import load_script
from tests.documents import house_shape, transcripts
from tests.documents.blocks import ROOT, Block, blocks_of
from tests.documents.browser import visit, write_silence
from tests.documents.formats import check_json, check_settings
from tests.documents.place import MOCK, PATIENCE_S, Place, environment, free_port, recipe, served
from tests.documents.recording import hold_talk
from tests.mock.test_page import read_page

Run = Callable[[Block, Place], None]
TOOLS = {"curl": "curl"}
"""What a text with this word needs."""
_MAKE = re.compile(r"^make (\S+).*\n", re.MULTILINE)


class NoWayError(Exception):
    """There is no rule for a block."""


def rule_for(block: Block) -> Run:
    """The way to run a block; raises ``NoWayError``."""
    run = _BY_MARK.get((block.language, block.marks.get("as", "")))
    if run is None:
        raise NoWayError(f"{block}: nothing runs a block of {block.language or 'no language'} {dict(block.marks)}")
    return run


def tools_of(block: Block) -> list[str]:
    """The tools of the machine that it needs."""
    if block.language in ("html", "js"):
        return ["chromium"]
    wanted = [tool for word, tool in TOOLS.items() if word in block.text]
    return wanted if block.language in ("sh", "console") else []


def python(block: Block, place: Place) -> None:
    """A file of the page, or a whole client of the gateway that prints what the mark ``prints`` says."""
    if block.name is not None:
        return named(block, place)
    printed = place.run([sys.executable, "-c", place.here(block.text)])
    wanted = block.marks["prints"]
    assert wanted in printed, printed
    return None


def named(block: Block, place: Place) -> None:
    """A file: a test passes, a script is one, and the tests of its page pass in a folder with all of its files."""
    assert block.name is not None
    key = f"tests of {block.page}"
    folder = place.folder / Path(block.page).stem
    if key not in place.done:
        write_files(block.page, folder)
        place.done[key] = place.run([sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "."], folder)
    if block.name.startswith("test_"):
        assert re.search(rf"^{re.escape(block.name)}::.* PASSED", place.done[key], re.MULTILINE), place.done[key]
    else:
        load_script(str(folder / block.name))


def write_files(page: str, folder: Path) -> None:
    """Every file of a page, as the reader would copy them."""
    folder.mkdir(exist_ok=True)
    for block in blocks_of(ROOT / page):
        if block.name is not None:
            (folder / block.name).write_text(block.text)


def yaml(block: Block, place: Place) -> None:
    """A script of the mock."""
    if block.name is not None:
        return named(block, place)
    path = place.folder / f"{Path(block.page).stem}-{block.line}.yaml"
    path.write_text(block.text)
    load_script(str(path))
    return None


def toml(block: Block, place: Place) -> None:
    """The gateway's settings."""
    check_settings(block.text, place.folder / f"{Path(block.page).stem}-{block.line}.toml")


def shell(block: Block, place: Place) -> None:
    """Commands, in order; ``make`` is asked whether it knows its target, and ``serve`` runs already."""
    for target in _MAKE.findall(block.text):
        assert recipe(target)
    commands = place.here(_MAKE.sub("", block.text)).replace(MOCK, f"127.0.0.1:{(port := free_port())}")
    commands = commands.replace("--port 8765", f"--port {port}")
    folder = place.folder / "mocked-tests" if "mocked/" in commands else place.folder
    if folder != place.folder and not folder.exists():
        write_files(block.page, folder)
        (folder / "mocked").symlink_to(sys.prefix)
    place.run(["sh", "-ec", commands], folder)


def example(block: Block, place: Place) -> None:
    """The file of ``docs/examples`` that its commands use."""
    del place
    assert block.text == example_text(f"{block.marks['as']}.py")


def example_text(name: str) -> str:
    """An example below its docstring, as the pages show it."""
    return (ROOT / "docs" / "examples" / name).read_text().split("\n\n", 1)[1]


def agent(block: Block, place: Place) -> None:
    """Commands, the last a gateway with an agent of the reader's own: it does what is said."""
    *commands, serve = block.text.splitlines()
    place.run(["sh", "-ec", "\n".join(commands)])
    settings = {"VOXGATE_UPSTREAM__BASE_URL": "embedded", "VOXGATE_SPEECH__ENGINES": "off"}
    with served(f"{serve} --port 0 --data own-agent", place.folder, settings) as port:
        talk = ["--url", f"ws://127.0.0.1:{port}", "--modality", "text", "--text", block.marks["say"]]
        printed = place.run([".venv/bin/voxgate", "call", *talk])
    assert block.marks["prints"] in printed, printed


def new_user(block: Block, place: Place) -> None:
    """The installation, which the long matrix does from an empty environment."""
    del place
    assert block.text == read_page().commands[0]


def console(block: Block, place: Place) -> None:
    """Each command prints what is shown, in shape."""
    for step in transcripts.steps(block.text):
        printed = _until(place.here(step.command), len(step.shown) if step.interrupted else None, place.folder)
        assert transcripts.fits(step.shown, printed), "\n".join(["printed:", *printed, "shown:", *step.shown])


def _until(command: str, count: int | None, folder: Path) -> list[str]:
    """What a command prints, or its first lines; then it is interrupted. It ends well in any case."""
    process = subprocess.Popen(
        ["sh", "-c", command if count is None else f"exec {command}"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(PATIENCE_S, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        assert process.stdout is not None
        printed: list[str] = []
        while len(printed) != count and (line := process.stdout.readline()):
            printed.append(line.rstrip("\n"))
        if count is not None:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.communicate()
        assert process.returncode == 0, "\n".join(printed)
        return printed
    finally:
        watchdog.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def servers(block: Block, place: Place) -> None:
    """Each line is a server: a talk is held with it, and it ends."""
    folder = place.folder / f"servers-{block.line}"
    folder.mkdir()
    for command in block.text.splitlines():
        command = place.here(command).replace("voxgate", str(Path(sys.executable).with_name("voxgate")), 1)
        with served(f"{command} --port 0", folder, {}) as port:
            hold_talk(port)


def html(block: Block, place: Place) -> None:
    """A page from another origin, in Chromium; ``steps`` are buttons to press and words to wait for."""
    _visit(place.here(block.text), block.marks["steps"].split(" > "), place)


def _visit(page: str, steps: list[str], place: Place) -> None:
    place.pages.page = page
    microphone = write_silence(place.folder / "silence.wav")
    visit(f"{place.pages.origin}/", steps, microphone)


def javascript(block: Block, place: Place) -> None:
    """A module of a page that talks with the mock; it runs to its end, as the console says."""
    ended = 'document.querySelector("p").textContent = "ran to its end";'
    text = place.here(block.text).replace(MOCK, f"127.0.0.1:{place.mock_port}")
    page = f'<!doctype html><p></p><audio></audio><script type="module">{text}{ended}</script>'
    _visit(page, ["ran to its end"], place)


def json(block: Block, place: Place) -> None:
    """What the mark says: a call of the JSON-RPC door, or a fault of the mock."""
    check_json(block.text, block.marks["as"], place)


def floors(block: Block, place: Place) -> None:
    """The rooms of the house, as the import table has them."""
    del place
    house_shape.check(block.text)


_BY_MARK: dict[tuple[str, str], Run] = {
    ("python", ""): python,
    ("python", "agent"): example,
    ("yaml", ""): yaml,
    ("toml", ""): toml,
    ("sh", ""): shell,
    ("sh", "installation"): new_user,
    ("sh", "servers"): servers,
    ("sh", "agent"): agent,
    ("console", ""): console,
    ("html", ""): html,
    ("js", ""): javascript,
    ("json", "fault"): json,
    ("json", "call"): json,
    ("text", "floors"): floors,
}
