"""What a process holds: tasks, sockets, threads, peers; and its memory."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from transports.webrtc import AiortcPeer

_POOLS = ("asyncio_", "store-")
"""How threads of pools begin: they come when two things are wanted at once, stay, and are bounded in number."""
LOOKS, LOOK_S = 100, 0.05


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
        """As soon as it is the expected one; the last one after a while."""
        return await cls._first(lambda seen: seen == expected)

    @classmethod
    async def between_calls(cls) -> Footprint:
        """As soon as no peer is left: who hears that a call is closed hears it before its tasks have ended."""
        return await cls._first(lambda seen: seen.peers == 0)

    async def growth(self) -> dict[str, int]:
        """What is held beyond this, by kind: empty as soon as it is nothing; what it was last, after a while."""
        return self._beyond(await self._first(lambda seen: not self._beyond(seen)))

    @classmethod
    async def _first(cls, right: Callable[[Footprint], bool]) -> Footprint:
        """The first one that is right, or the last one after a while: libraries close by callbacks and tell nobody."""
        for _ in range(LOOKS):
            if right(seen := cls.taken()):
                break
            await asyncio.sleep(LOOK_S)
        return seen

    def _beyond(self, seen: Footprint) -> dict[str, int]:
        now, held = asdict(seen), asdict(self)
        return {kind: now[kind] - held[kind] for kind in now if now[kind] > held[kind]}


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
