"""What a process holds: tasks, sockets, threads, peers; and its memory."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from transports.webrtc import AiortcPeer


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
            threads=sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate()),
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
