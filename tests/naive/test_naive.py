"""The naive client fails where the mistakes are its own, and only there; the gateway fails nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.mock.scenarios import SCENARIOS
from tests.naive.table import ERRANDS, TALKERS, Run, perform_all, rows

CLIENT = Path(__file__).resolve().parent / "client.py"
PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "mock.md"
CALLS = frozenset(
    {
        "sideband-404",
        "sideband-refused",
        "call-refused",
        "call-unavailable",
        "no-location",
        "odd-location",
        "dropped-call",
    }
)
"""These strike clients that call, or join a call: not those here."""
NOT_ABOUT_CLIENTS = CALLS | frozenset(
    {
        "touchy-ears",
        "empty-transcription",
        "text-without-sound",
        "slow-tool",
        "slow-answer",
        "slow-start",
        "double-call",
        "corrected-call",
        "own-voice",
        "reordered",
    }
)
"""What a client cannot do much about, or does right without thinking of it."""


def fails(run: Run) -> bool:
    """What is to be expected."""
    return run.talker == "naive" and run.faulty and run.scenario not in NOT_ABOUT_CLIENTS


EXPECTED = {Run(name, who, faulty): "" for name in SCENARIOS for who in TALKERS for faulty in (False, True)}
EXPECTED |= {run: "fails" for run in EXPECTED if fails(run)}


def test_every_scenario_has_an_errand() -> None:
    assert set(ERRANDS) == set(SCENARIOS)
    assert set(SCENARIOS) > NOT_ABOUT_CLIENTS


def test_the_naive_client_is_about_thirty_lines() -> None:
    code = CLIENT.read_text().partition("class ")[2].splitlines()
    assert len([line for line in code if line.strip() and '"""' not in line]) <= 36


def test_the_page_holds_the_table() -> None:
    assert "\n".join(rows(EXPECTED)) in PAGE.read_text()


@pytest.mark.long
def test_both_in_all_scenarios(tmp_path: Path, canary_key: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = perform_all(SCENARIOS, tmp_path, canary_key)
    with capsys.disabled():
        print("\n" + "\n".join(rows(found)))
    wrong = [f"{run}: {found[run] or 'passes'}" for run in found if bool(found[run]) != fails(run)]
    assert not wrong, "\n".join(wrong)
