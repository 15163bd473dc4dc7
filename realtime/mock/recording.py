"""Recordings of sessions: making them between a client and a real server, and playing them back.

A recording is a log as ``--log`` writes it: JSON lines ``{t, conn, dir, event}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from realtime.errors import ConfigurationError
from realtime.mock.carrier import Carrier
from realtime.mock.journal import Journal
from realtime.mock.scrub import scrubbed
from realtime.protocol import json
from transports.errors import LinkClosed
from transports.link import MessageLink

_FREE = "input_audio_buffer.append"
"""Sound flows as it likes: playing back does not wait for it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a recording; ``t`` in Unix seconds."""

    t: float
    direction: Literal["client", "server"]
    event: object

    @property
    def kind(self) -> object:
        """The event's type."""
        return self.event.get("type") if isinstance(self.event, dict) else None


async def record(client: MessageLink, upstream: MessageLink, journal: Journal, conn: str, secret: str | None) -> None:
    """Carry frames both ways until either side ends, and note each without its keys; the end is passed on."""

    async def carry(
        source: MessageLink, target: MessageLink, direction: Literal["client", "server"], group_over: asyncio.Event
    ) -> None:
        try:
            while True:
                frame = await source.receive()
                text = frame if isinstance(frame, str) else frame.decode(errors="replace")
                journal.write(conn, direction, scrubbed(text, secret))
                await target.send(text)
        except LinkClosed as closed:
            code = closed.code if closed.code is not None and 1000 <= closed.code != 1006 else 1011
            await target.close(code, closed.reason)
        group_over.set()

    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(carry(client, upstream, "client", over)),
            group.create_task(carry(upstream, client, "server", over)),
        ]
        await over.wait()
        for task in tasks:
            task.cancel()


def load_recording(path: Path) -> list[list[Frame]]:
    """The sessions of a recording in the order in which they began; raises ``ConfigurationError``."""
    sessions: dict[str, list[Frame]] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.decode_object(line)
            frame = Frame(float(entry["t"]), entry["dir"], entry["event"])
            sessions.setdefault(str(entry["conn"]), []).append(frame)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"--replay: {path}: no recording: {error}", setting="--replay") from None
    if not sessions:
        raise ConfigurationError(f"--replay: {path}: an empty recording", setting="--replay")
    return list(sessions.values())


async def replay(carrier: Carrier, frames: Sequence[Frame]) -> None:
    """Say what the server said, as late after what the client said as it was.

    Each recorded event of the client but sound is waited for, by its type, before what followed it is said:
    a client that waits for more than it did then waits in vain. Ids that the client chooses anew
    take the places of those in the recording. Ends with the recording, or when the client leaves.
    """
    ids: dict[str, str] = {}
    heard: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(_listen(carrier, heard))
        try:
            await _play(carrier, frames, heard, ids)
            await carrier.close(1000, "the recording is over")
        except LinkClosed:
            pass
        reader.cancel()


async def _play(
    carrier: Carrier, frames: Sequence[Frame], heard: asyncio.Queue[dict[str, object] | None], ids: dict[str, str]
) -> None:
    loop = asyncio.get_running_loop()
    origin, begun = frames[0].t, loop.time()
    for frame in frames:
        if frame.kind == _FREE:
            continue
        if frame.direction == "client":
            _match(frame.event, await _wait_for(heard, frame.kind), ids)
            origin, begun = frame.t, loop.time()
            continue
        await asyncio.sleep(max(0.0, frame.t - origin - (loop.time() - begun)))
        text = frame.event if isinstance(frame.event, str) else json.encode(frame.event)
        for recorded, chosen in ids.items():
            text = text.replace(f'"{recorded}"', f'"{chosen}"')
        await carrier.send(text)


async def _listen(carrier: Carrier, heard: asyncio.Queue[dict[str, object] | None]) -> None:
    try:
        while True:
            frame = await carrier.receive()
            try:
                event = json.decode_object(frame)
            except ValueError:
                event = {}
            if event.get("type") != _FREE:
                heard.put_nowait(event)
    except LinkClosed:
        heard.put_nowait(None)


async def _wait_for(heard: asyncio.Queue[dict[str, object] | None], kind: object) -> dict[str, object]:
    while (event := await heard.get()) is not None:
        if event.get("type") == kind:
            return event
    raise LinkClosed("the client has gone")


def _match(recorded: object, live: dict[str, object], ids: dict[str, str]) -> None:
    """Note which ids of the client's now stand for which of then."""
    if not isinstance(recorded, dict):
        return
    pairs = [(recorded.get("event_id"), live.get("event_id"))]
    then, now = recorded.get("item"), live.get("item")
    if isinstance(then, dict) and isinstance(now, dict):
        pairs.append((then.get("id"), now.get("id")))
    ids.update({old: new for old, new in pairs if isinstance(old, str) and isinstance(new, str)})
