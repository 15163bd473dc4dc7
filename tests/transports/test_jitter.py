"""The jitter buffer: in order, each once, no lasting delay, whatever the network does."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from transports.jitter import CAPACITY, WAIT_S, Delivery, JitterBuffer

STEP = 0.02


def walk(arrivals: list[tuple[float, int]]) -> list[tuple[float, Delivery, int]]:
    """Feed packets as they arrive, with a poll every 20 ms; returns when each left, and its number."""
    buffer = JitterBuffer()
    left: list[tuple[float, Delivery, int]] = []
    clock = 0.0
    for time, sequence in arrivals:
        while clock + STEP <= time:
            clock += STEP
            left += [(clock, one, one.timestamp) for one in buffer.poll(now=clock)]
        made = buffer.push(sequence, sequence, b"", now=time)
        left += [(time, one, one.timestamp) for one in made]
    for _ in range(CAPACITY):
        clock += STEP
        left += [(clock, one, one.timestamp) for one in buffer.poll(now=clock)]
    return left


def test_what_comes_in_order_is_not_held() -> None:
    left = walk([(number * STEP, number) for number in range(1000, 1500)])
    assert all(abs(time - number * STEP) < 1e-9 for time, _, number in left)
    assert len(left) == 500


def test_one_lost_packet_costs_its_own_gap_and_no_lasting_delay() -> None:
    left = walk([(number * STEP, number) for number in range(500) if number != 100])
    held = {number: time - number * STEP for time, _, number in left}
    assert len(held) == 499
    assert all(hold < 1e-9 for number, hold in held.items() if not 101 <= number <= 103)
    assert max(held.values()) <= WAIT_S + STEP
    assert [one.missing for _, one, _ in left if one.missing] == [1]


def test_a_swapped_pair_is_put_in_order_and_nothing_is_lost() -> None:
    order = [*range(50), 51, 50, *range(52, 100)]
    left = walk([(at * STEP, number) for at, number in enumerate(order)])
    assert [number for *_, number in left] == list(range(100))
    assert not any(one.missing for _, one, _ in left)


@given(st.randoms(use_true_random=False), st.floats(0, 0.3), st.floats(0, 0.1), st.booleans())
def test_order_once_and_bounded_waiting(chance: random.Random, loss: float, spread: float, double: bool) -> None:
    sent = [(number * STEP, number) for number in range(80)]
    arrivals = [(time + chance.uniform(0, spread), number) for time, number in sent if chance.random() >= loss]
    if double:
        arrivals += [(time + chance.uniform(0, 0.2), number) for time, number in arrivals if chance.random() < 0.1]
    arrivals.sort()
    arrived: dict[int, float] = {}
    for time, number in arrivals:
        arrived.setdefault(number, time)
    left = walk(arrivals)
    numbers = [number for *_, number in left]
    assert numbers == sorted(set(numbers))
    assert set(numbers) <= set(arrived)
    assert all(time - arrived[number] <= WAIT_S + STEP + 1e-9 for time, _, number in left)
    gaps = sum(one.missing for _, one, _ in left)
    if numbers:
        assert gaps == numbers[-1] - numbers[0] + 1 - len(numbers)


def test_it_holds_no_more_than_its_capacity() -> None:
    buffer = JitterBuffer()
    buffer.push(0, 0, b"", now=0.0)
    released = [one for number in range(2, 10_000) for one in buffer.push(number, number, b"", now=0.0)]
    assert len(released) >= 10_000 - CAPACITY - 2
