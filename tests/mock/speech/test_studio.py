"""What serve says of its ears and mouth, and how it gets by with fewer engines."""

from __future__ import annotations

from importlib.machinery import ModuleSpec

import pytest

from realtime.errors import Overloaded
from realtime.mock.speech import studio as studios
from realtime.mock.speech.contracts import Hear
from realtime.mock.speech.energy import EnergyDetector
from realtime.mock.speech.silero import SileroDetector
from realtime.mock.speech.speaking import Speaker
from realtime.mock.speech.studio import Studio


def without(*missing: str, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A studio on a machine that has none of these packages, and no voice either."""
    found = ModuleSpec("found", None)
    monkeypatch.setattr(studios, "find_spec", lambda name: None if name in missing else found)
    monkeypatch.setattr(studios, "Speaker", lambda: Speaker("none"))
    return Studio(1)


async def test_without_the_extra_it_says_so_and_hears_only_that_somebody_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio = without("onnxruntime", "pocketsphinx", monkeypatch=monkeypatch)
    async with studio.running():
        assert studio.description == (
            "ears: loudness, no recogniser, so no words; mouth: tones with a transcript "
            "(the extra `speech` is not installed, or not whole)"
        )
        with studio.place("thread", audio=True) as engines:
            assert isinstance(engines.speech.detector, EnergyDetector)
            assert (engines.speech.recognizer, engines.speech.synthesizer) == (None, None)
            engines.take(Hear("turn", b"", last=True))


async def test_a_graph_that_does_not_load_leaves_loudness(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ImportError("not for this machine")

    monkeypatch.setattr(studios, "graph", broken)
    studio = without("pocketsphinx", monkeypatch=monkeypatch)
    async with studio.running():
        assert studio.description.startswith("ears: loudness, ")


async def test_places_are_given_back_at_the_end_of_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    studio = without("pocketsphinx", monkeypatch=monkeypatch)
    async with studio.running():
        with studio.place("one", audio=True) as engines, studio.place("other", audio=False):
            assert isinstance(engines.speech.detector, SileroDetector)
            with pytest.raises(Overloaded), studio.place("other", audio=True):
                pass
        with studio.place("other", audio=True):
            pass
