"""Whatever clients send is answered once, by a documented code; nothing breaks, and the next talk is a good one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.canary import Canary
from tests.fuzz.attacker import attackers
from tests.fuzz.house import good_talk, served, settings_for
from tests.fuzz.watch import watching
from tests.gateway.rpc_client import connected

SEED = 20260726
COUNTS = [5_000, pytest.param(200_000, marks=pytest.mark.long)]


@pytest.mark.parametrize("count", COUNTS)
async def test_any_message_is_answered_by_the_rules(count: int, tmp_path: Path, canary: Canary) -> None:
    async with watching() as watch, served(settings_for(tmp_path, key=canary.key)) as address:
        url = address.replace("http", "ws")
        crowd = attackers(url, SEED)
        async with asyncio.TaskGroup() as group:
            for attacker in crowd:
                group.create_task(attacker.run(count // len(crowd)))
        async with connected(url, canary) as client:
            assert "Hello" in await good_talk(client)
    problems = [problem for attacker in crowd for problem in attacker.problems]
    assert not problems, f"{len(problems)} problems: " + "\n".join(problems[:20])
    watch.check()
    codes = sum((attacker.codes for attacker in crowd), start=type(crowd[0].codes)())
    closes = sum((attacker.closes for attacker in crowd), start=type(crowd[0].closes)())
    print(f"{count} messages: {dict(codes)}, closes {dict(closes)}, longest stall {watch.longest * 1000:.0f} ms")
    assert sum(attacker.sent for attacker in crowd) == count
    assert codes["result"] > count // 10, "hardly anything was good: the mutations are too wild to reach the inside"
    for code in ("parse_error", "invalid_params", "unknown_method", "thread_not_found", "session_not_found"):
        assert codes[code] > 0, f"{code} was never met"
