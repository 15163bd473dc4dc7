"""What a process holds: tasks, sockets, threads, peers; and its memory."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import stat
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from transports.webrtc import AiortcPeer

_POOLS = ("asyncio_", "store-")
"""How threads of pools begin: they come when two things are wanted at once, stay, and are bounded in number."""


@dataclass(frozen=True)
class Footprint:
    """Counts of this moment."""

    tasks: int
    sockets: int
    threads: int
    peers: int

    @classmethod
    def taken(cls) -> Footprint:
        """Now, after what is unreachable was collected."""
        gc.collect()
        return cls(
            tasks=len(asyncio.all_tasks()),
            sockets=sum(_is_socket(int(name)) for name in os.listdir("/proc/self/fd")),
            threads=sum(not thread.name.startswith(_POOLS) for thread in threading.enumerate()),
            peers=sum(type(one) is AiortcPeer for one in gc.get_referrers(AiortcPeer)),
        )

    @classmethod
    async def settled(cls, expected: Footprint) -> Footprint:
        """As soon as it is the expected one; the last one after a while. Libraries close by callbacks."""
        for _ in range(100):
            if (seen := cls.taken()) == expected:
                break
            await asyncio.sleep(0.05)
        return seen

    @classmethod
    async def between_calls(cls) -> Footprint:
        """As soon as no peer is left: who hears that a call is closed hears it before its tasks have ended."""
        for _ in range(100):
            if (seen := cls.taken()).peers == 0:
                break
            await asyncio.sleep(0.05)
        return seen

    async def growth(self) -> dict[str, int]:
        """What is held beyond this, by kind: empty as soon as it is nothing; what it was last, after a while."""
        for _ in range(100):
            seen, held = asdict(self.taken()), asdict(self)
            more = {kind: seen[kind] - held[kind] for kind in seen if seen[kind] > held[kind]}
            if not more:
                break
            await asyncio.sleep(0.05)
        return more


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def resident_kib() -> int:
    """Resident memory of this process, without what the allocator only keeps for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
