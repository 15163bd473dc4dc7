"""The whole conversation against the voice model, in memory, by a machine that does anything in any order.

A step is one execution of one rule of ``CallMachine``. A step *met* an event if the event happened while it
ran: a reconnect is a connection that was lost, could not be made, or took over from another; a refusal is a
``conversation_already_has_active_response`` that reached the call; a barge-in is a flush of what was playing; a
steer is a hand-off that joined a turn.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.core.machine_mutations import MUTATIONS, QUICK
from tests.core.machine_rules import KINDS, CallMachine, Tally
from tests.core.machine_wishes import Violated

SEED = 7
CASES = 50
STEPS_A_CASE = 80
FAST = settings(
    max_examples=CASES,
    stateful_step_count=STEPS_A_CASE,
    deadline=None,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
CURSORY = settings(FAST, phases=(Phase.generate,), max_examples=5)
"""To find out whether anything fails: what fails is not made small."""
A_PROCESS = 25_000
"""Steps after which a long walk goes on in a new process: Hypothesis remembers all it has tried, about 8 KiB a step."""
SEEDS_A_PROCESS = 1_000
ENOUGH = 20_000
"""Steps in which every mutation has to be found, so that the run of every day would."""


def walk(steps: int, *, first_seed: int = SEED, how: settings = FAST) -> Tally:
    """Run the machine, batch by batch, each with the next seed, until so many steps are done."""
    tally = Tally()
    machine = type("CallMachine", (CallMachine,), {"tally": tally})
    number = first_seed
    while tally.steps < steps:
        run_state_machine_as_test(seed(number)(machine), settings=how)
        number += 1
    return tally


def walk_far(steps: int) -> Iterator[Tally]:
    """The same in processes side by side, each with seeds of its own; yields what each of them did."""
    seeds = range(SEED, SEED + SEEDS_A_PROCESS * -(-steps // A_PROCESS), SEEDS_A_PROCESS)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=context, max_tasks_per_child=1) as pool:
        futures = [pool.submit(walk, A_PROCESS, first_seed=first) for first in seeds]
        try:
            for future in futures:
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def report(tally: Tally, seconds: float) -> str:
    """A line for humans."""
    shares = ", ".join(f"{kind} {tally.share(kind):.1%}" for kind in KINDS)
    return f"machine: {tally.steps} steps from seed {SEED} in {seconds:.0f} s; met: {shares}"


def check_and_report(tally: Tally, steps: int, began: float, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{report(tally, time.monotonic() - began)}")
    assert tally.steps >= steps
    assert {kind: tally.share(kind) for kind in KINDS if tally.share(kind) < 0.05} == {}


def test_the_invariants_hold(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    check_and_report(walk(20_000), 20_000, began, capsys)


@pytest.mark.long
def test_the_invariants_hold_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    total = Tally()
    for part in walk_far(1_000_000):
        total.steps += part.steps
        total.met += part.met
        with capsys.disabled():
            print(f"\n{report(total, time.monotonic() - began)}", end="", flush=True)
    check_and_report(total, 1_000_000, began, capsys)


LOOKED_FOR = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in MUTATIONS]


@pytest.mark.parametrize("name", LOOKED_FOR)
def test_the_machine_finds_a_defect(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MUTATIONS[name](monkeypatch)
    with pytest.raises(Violated):
        walk(ENOUGH, how=CURSORY)
