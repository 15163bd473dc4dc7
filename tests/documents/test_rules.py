"""The rules by which blocks are run can fail: each of these blocks is found out."""

from __future__ import annotations

import pytest

from realtime.errors import ConfigurationError, InvalidRequest
from realtime.mock.refusal import Refused
from tests.documents import house_shape, transcripts
from tests.documents.blocks import Block, parse
from tests.documents.place import Place
from tests.documents.runs import NoWayError, rule_for
from tests.test_architecture import MAY_IMPORT

FENCES = """\
Text with `code` and a | `table` |.

```python prints="two words"
print("two words")
```

- in a list:

  ````sh
  echo ```
  ````
"""
HELLO = 'print("hello")\n'


def test_blocks_are_found_with_their_marks_and_without_their_indentation() -> None:
    first, second = parse("x.md", FENCES)
    assert (first.line, first.language, first.text, first.marks) == (
        3,
        "python",
        'print("two words")\n',
        {"prints": "two words"},
    )
    assert (second.line, second.language, second.text, second.marks) == (9, "sh", "echo ```\n", {})


def test_a_block_without_an_end_is_no_block() -> None:
    with pytest.raises(ValueError, match=r"x\.md:1"):
        list(parse("x.md", "```sh\nls\n"))


@pytest.mark.parametrize(
    "block", [Block("x.md", 1, "", "ls\n"), Block("x.md", 1, "rust", ""), Block("x.md", 1, "json", "{}")]
)
def test_a_block_that_nothing_runs_is_found_out(block: Block) -> None:
    with pytest.raises(NoWayError, match=r"x\.md:1"):
        rule_for(block)


WRONG: list[tuple[Block, type[Exception]]] = [
    (Block("x.md", 1, "python", "raise SystemExit(1)\n", {"prints": ""}), AssertionError),
    (Block("x.md", 1, "python", HELLO, {"prints": "good bye"}), AssertionError),
    (Block("x.md", 1, "python", HELLO), KeyError),
    (Block("x.md", 1, "sh", "true\nfalse\n"), AssertionError),
    (Block("x.md", 1, "sh", "make nonsense\n"), AssertionError),
    (Block("x.md", 1, "console", "$ echo hello\ngood bye\n"), AssertionError),
    (Block("x.md", 1, "console", "$ echo hello; exit 3\nhello\n"), AssertionError),
    (Block("x.md", 1, "toml", "[server]\nhots = 'localhost'\n"), ConfigurationError),
    (Block("x.md", 1, "yaml", "- when: {sayd: hello}\n  say: hello\n"), ConfigurationError),
    (Block("x.md", 1, "json", '{"fault": "explode", "on": "server"}\n', {"as": "fault"}), Refused),
    (Block("x.md", 1, "json", '{"id": 1, "method": "thread/read", "params": {}}\n', {"as": "call"}), InvalidRequest),
]


@pytest.mark.parametrize(("block", "error"), WRONG, ids=lambda value: str(getattr(value, "text", ""))[:30])
def test_a_block_that_is_wrong_is_found_out(block: Block, error: type[Exception], place: Place) -> None:
    run = rule_for(block)
    with pytest.raises(error):
        run(block, place)


def test_consoles_are_compared_in_shape() -> None:
    (step,) = transcripts.steps(
        "$ run\n 0.12 thread 01a20476-37bc-7c7a-9680-388cffa60b41\nIt is … UTC.\n…\nend 5\n^C\n"
    )
    assert step.interrupted
    begun = ["12.5  thread 01a20476-ffff-7c7a-9680-388cffa60b41", "It is 18:13 UTC."]
    assert transcripts.fits(step.shown, [*begun, "end 7"])
    assert transcripts.fits(step.shown, [*begun, "any", "lines", "end 7"])
    assert not transcripts.fits(step.shown, [*begun, "end seven"])
    assert not transcripts.fits(step.shown, begun[:1])


def test_a_drawing_with_a_room_too_few_or_on_a_wrong_floor_is_found_out() -> None:
    everything = " ".join(f"realtime.{room}" for room in MAY_IMPORT)
    house_shape.check(f" 0 {everything}\n")
    with pytest.raises(AssertionError):
        house_shape.check(f" 0 {everything.replace('realtime.core', '')}\n")
    with pytest.raises(AssertionError, match="session imports core"):
        house_shape.check(f" 1 realtime.core\n 0 {everything.replace('realtime.core', '')}\n")
