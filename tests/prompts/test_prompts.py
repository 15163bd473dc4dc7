from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from prompts import PromptError, Prompts, escape, render

PLAIN = (
    "agent_instructions",
    "background_agent",
    "background_agent_prompt",
    "handoff_cancelled",
    "handoff_empty",
    "handoff_failed",
    "no_result",
    "realtime_conversation",
    "realtime_conversation_ended",
    "remain_silent",
    "result_pointer",
    "startup_note",
    "steer_acknowledged",
    "unknown_tool",
)


@pytest.mark.parametrize("name", PLAIN)
def test_words_without_values(name: str) -> None:
    text = render(name)
    assert text
    assert text == text.strip()
    assert "{{" not in text
    assert "{%" not in text


def test_every_template_is_known_here() -> None:
    files = {
        path.name.removesuffix(".md") for path in resources.files("prompts").iterdir() if path.name.endswith(".md")
    }
    assert files == {*PLAIN, "agent_progress", "core", "delegation", "startup_context"}


@pytest.mark.parametrize(
    "duty",
    [
        "`background_agent`",
        "`remain_silent`",
        "[BACKEND] come from the background agent",
        "never the person's words",
        "[USER] (typed by the person)",
        "Never speak the marks [USER] and [BACKEND]",
        "whenever the person asks for the agent",
        "call `background_agent` again with the correction: that steers",
        "Mention progress only if it is worth hearing",
        "tell the person the result in your own words",
        "Say each result once",
        "Never invent a result",
        "If the agent failed or was cancelled, say so plainly",
        "say nothing at all, when no answer is wanted",
        "the person speaks to somebody else",
        "only noise",
        "If the person starts to speak while you speak, stop",
        "was not heard",
        "Be brief",
        "in the person's language",
    ],
)
def test_the_core_prompt_names_its_tools_and_duties(duty: str) -> None:
    assert duty in render("core")


def test_the_core_prompt_has_the_persons_name_when_it_is_known() -> None:
    assert "Ada" in render("core", user_first_name="Ada")
    assert render("core", user_first_name=None) == render("core") == render("core", user_first_name="")
    assert "first name" not in render("core")
    assert "\n\n\n" not in render("core", user_first_name="Ada")
    assert "\n\n\n" not in render("core")


def test_the_core_prompt_is_of_a_bearable_length() -> None:
    assert 2_000 < len(render("core")) < 8_000


def test_the_startup_context() -> None:
    text = render(
        "startup_context",
        lines=[("user", "a <b>"), ("assistant", "c")],
        threads=[("Trip", "to Rome & back"), ("Untold", "")],
        note="Mind the gap.",
    )
    assert text == (
        "<startup_context>\n"
        "Said earlier in this conversation, oldest first:\n"
        "user: a &lt;b&gt;\n"
        "assistant: c\n"
        "\n"
        "Other recent conversations:\n"
        "- Trip: to Rome &amp; back\n"
        "- Untold\n"
        "\n"
        "Mind the gap.\n"
        "</startup_context>"
    )


@pytest.mark.parametrize(
    ("lines", "threads", "note", "text"),
    [
        ([], [], "n", "<startup_context>\nn\n</startup_context>"),
        ([], [("t", "")], "", "<startup_context>\nOther recent conversations:\n- t\n</startup_context>"),
        (
            [("user", "x")],
            [],
            "",
            "<startup_context>\nSaid earlier in this conversation, oldest first:\nuser: x\n</startup_context>",
        ),
    ],
)
def test_parts_of_the_startup_context(
    lines: list[tuple[str, str]], threads: list[tuple[str, str]], note: str, text: str
) -> None:
    assert render("startup_context", lines=lines, threads=threads, note=note) == text


def test_progress_is_marked() -> None:
    assert render("agent_progress", text="half way") == "[BACKEND] half way"


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(PromptError, match=r"startup_context.*lines"):
        render("startup_context", threads=[], note="")


@pytest.mark.parametrize("name", ["no_such_prompt", "../pyproject", "__init__"])
def test_a_missing_template_is_an_error(name: str) -> None:
    with pytest.raises(PromptError, match=name):
        render(name)


def test_an_operators_words_take_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "core.md").write_text("You are the voice of a lighthouse.\n")
    own = Prompts(tmp_path)
    assert own.render("core", user_first_name="Ada") == "You are the voice of a lighthouse."
    assert own.render("remain_silent") == render("remain_silent")
    assert render("core") != own.render("core")


@pytest.mark.parametrize(
    "text", ["{% if %}", "{{ missing }}", "{{ ''.__class__.__mro__ }}", "{{ render.__globals__ }}"]
)
def test_an_operators_template_is_checked_and_boxed_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "core.md").write_text(text)
    with pytest.raises(PromptError, match="prompt core"):
        Prompts(tmp_path).render("core")


def test_escape_leaves_quotes() -> None:
    assert escape('<a href="x">&\'</a>') == '&lt;a href="x"&gt;&amp;\'&lt;/a&gt;'
