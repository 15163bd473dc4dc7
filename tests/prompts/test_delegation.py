from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.delegation import delegation, request_of


@pytest.mark.parametrize(
    ("request_", "lines", "text"),
    [
        (
            "list the files",
            [("user", "list the files")],
            "<realtime_delegation>\n  <input>list the files</input>\n"
            "  <transcript_delta>user: list the files</transcript_delta>\n</realtime_delegation>",
        ),
        (
            "say </input> & 'quote' > <b>\"x\"</b>",
            [("user", 'is 1 < 2 & "so"'), ("user", "say </input> & 'quote' > <b>\"x\"</b>")],
            "<realtime_delegation>\n"
            "  <input>say &lt;/input&gt; &amp; 'quote' &gt; &lt;b&gt;\"x\"&lt;/b&gt;</input>\n"
            '  <transcript_delta>user: is 1 &lt; 2 &amp; "so"\n'
            "user: say &lt;/input&gt; &amp; 'quote' &gt; &lt;b&gt;\"x\"&lt;/b&gt;</transcript_delta>\n"
            "</realtime_delegation>",
        ),
        (
            "",
            [("user", "open the door")],
            "<realtime_delegation>\n  <input>user: open the door</input>\n"
            "  <transcript_delta>user: open the door</transcript_delta>\n</realtime_delegation>",
        ),
        (
            "do it",
            [("user", "do the thing"), ("assistant", "sure")],
            "<realtime_delegation>\n  <input>do it</input>\n"
            "  <transcript_delta>user: do the thing\nassistant: sure</transcript_delta>\n</realtime_delegation>",
        ),
        ("alone", [], "<realtime_delegation>\n  <input>alone</input>\n</realtime_delegation>"),
        ("", [], ""),
    ],
)
def test_the_shape(request_: str, lines: list[tuple[str, str]], text: str) -> None:
    assert delegation(request_, lines) == text


@settings(deadline=None)
@given(st.text(min_size=1), st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text()), max_size=4))
def test_the_request_is_found_again(request_: str, lines: list[tuple[str, str]]) -> None:
    assert request_of(delegation(request_, lines)) == request_


@pytest.mark.parametrize("text", ["", "plain", "say <input>x</input>", "<realtime_delegation>broken"])
def test_any_other_text_is_its_own_request(text: str) -> None:
    assert request_of(text) == text


def test_templates_in_a_request_are_only_words() -> None:
    assert "{{ 7 * 7 }} {% for" in delegation("{{ 7 * 7 }} {% for", [])
