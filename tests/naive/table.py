"""Every scenario with its errand, by both, with the fault and without."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from realtime.mock.running import RealtimeMock
from realtime.mock.scenarios import SCENARIOS
from tests.naive import errands
from tests.naive.errands import Errand
from tests.naive.talkers import GIVES_UP, Open, gateway, naive

PATIENCE_S = 14.0
RESPONSE_S = 6.0
"""When the gateway gives up a silent response: after the slowest answer here, and well before patience ends."""
PINGED_S = 45.0
"""For the scenario where only pings tell: a peer that answers none is given up after 25 s, before any response is."""
AT_ONCE = 4

ERRANDS: Mapping[str, Errand] = {
    "active-response-race": errands.second_thought,
    "double-creation": errands.question,
    "endless-response": errands.two_questions,
    "lost-done": errands.two_questions,
    "harmless-error": errands.question,
    "truncate-too-far": errands.barge_in,
    "all-at-once": errands.barge_in,
    "touchy-ears": errands.noise,
    "late-transcription": errands.spoken,
    "failed-transcription": errands.spoken,
    "missing-transcription": errands.spoken,
    "empty-transcription": errands.spoken,
    "text-without-sound": errands.question,
    "session-cap": errands.long_talk,
    "dropped-connection": errands.two_questions,
    "half-open": errands.two_questions,
    "abrupt-close": errands.two_questions,
    "slow-tool": errands.work,
    "impatient": errands.work,
    "double-call": errands.work,
    "unanswered-call": errands.quiet,
    "corrected-call": errands.work,
    "own-voice": errands.echo,
    "dead-air": errands.two_questions,
    "forgotten": errands.recollection,
    "slow-answer": errands.question,
    "repeated-audio": errands.sound,
    "reordered": errands.question,
    "sideband-404": errands.question,
    "sideband-refused": errands.question,
    "call-refused": errands.question,
    "call-unavailable": errands.question,
    "no-location": errands.question,
    "odd-location": errands.question,
    "dropped-call": errands.question,
    "slow-start": errands.question,
    "refused-key": errands.told,
    "too-many-requests": errands.question,
    "rate-limited": errands.three_questions,
    "no-quota": errands.three_questions,
    "large-frames": errands.two_questions,
    "garbage": errands.two_questions,
}
TALKERS: Mapping[str, Open] = {"naive": naive, "gateway": gateway}


@dataclass(frozen=True, slots=True)
class Run:
    """One cell: who, in which scenario, with the fault or without."""

    scenario: str
    talker: str
    faulty: bool


def perform(run: Run, folder: Path, key: str) -> str:
    """Empty when the errand was done; else what hindered it."""
    with RealtimeMock(scenario=run.scenario if run.faulty else None, key=key) as mock:
        return asyncio.run(_perform(run, mock, folder))


async def _perform(run: Run, mock: RealtimeMock, folder: Path) -> str:
    patience, response_s = (PINGED_S, PINGED_S) if run.scenario == "half-open" else (PATIENCE_S, RESPONSE_S)
    try:
        async with asyncio.timeout(patience), TALKERS[run.talker](mock, folder, response_s) as talker:
            await ERRANDS[run.scenario](talker, mock)
    except TimeoutError:
        return "waits in vain"
    except GIVES_UP as error:
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        return f"{type(error).__name__}: {error}"
    return ""


def perform_all(scenarios: Iterable[str], folder: Path, key: str) -> dict[Run, str]:
    """All four cells of each scenario; ``key`` is what both bring."""
    runs = [Run(name, talker, faulty) for name in scenarios for talker in TALKERS for faulty in (False, True)]
    folders = [folder / f"{run.scenario}-{run.talker}-{run.faulty}" for run in runs]
    for each in folders:
        each.mkdir()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return dict(zip(runs, threads.map(partial(perform, key=key), runs, folders), strict=True))


def rows(found: Mapping[Run, str]) -> list[str]:
    """The table as the page and the terminal show it."""
    lines = [
        "| scenario | what happens | tried with | naive client | its twin | gateway | its twin |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in sorted({run.scenario for run in found}):
        cells = [
            "fails" if found[Run(name, talker, faulty)] else "passes" for talker in TALKERS for faulty in (True, False)
        ]
        errand = ERRANDS[name].__name__.replace("_", " ")
        lines.append(f"| `{name}` | {SCENARIOS[name].about} | {errand} | {' | '.join(cells)} |")
    return lines
