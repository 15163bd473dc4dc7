"""The application: which threads are live, their lanes and sessions. Doors translate, this decides."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.lanes import Sink
from realtime.protocol import appserver as app
from realtime.protocol.ids import Seq, SessionId, ThreadId
from realtime.protocol.json import JsonObject
from realtime.threads.store import ThreadPage


@dataclass(frozen=True, slots=True)
class Resumption:
    """What a returning client is told first: the thread with its head, and whether its position held."""

    thread: app.Thread
    resumed: bool
    reason: str | None
    after: int
    """Records above this number are replayed."""


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Some records, the thread's head, and whether more follow."""

    records: list[app.Record]
    seq: Seq
    more: bool


class Gateway:
    """Every method raises only ``GatewayError``s; a sink is a subscribed client (``realtime.lanes.Sink``)."""

    async def start_thread(self, params: app.ThreadStartParams) -> app.Thread:
        """Make a thread; ``thread/started`` goes to whoever subscribes it next."""
        raise NotImplementedError

    async def thread(self, thread_id: ThreadId) -> app.Thread:
        """A thread; raises ``ThreadNotFound``."""
        raise NotImplementedError

    async def read_thread(self, thread_id: ThreadId, *, include_turns: bool = True) -> JsonObject:
        """The thread as ``thread/read`` shows it: ``{id, …, items: folded, turns}``."""
        raise NotImplementedError

    async def list_threads(self, params: app.ThreadListParams) -> ThreadPage:
        """Threads, newest first."""
        raise NotImplementedError

    async def archive_thread(self, thread_id: ThreadId) -> app.Thread:
        """Put a thread away; it stays readable."""
        raise NotImplementedError

    async def delete_thread(self, thread_id: ThreadId) -> None:
        """End what runs on it and remove it with all its records."""
        raise NotImplementedError

    async def records(self, thread_id: ThreadId, *, after: int, limit: int) -> RecordPage:
        """Records above ``after``."""
        raise NotImplementedError

    async def transcript(self, thread_id: ThreadId, *, form: str) -> str:
        """The folded thread as ``text``, ``jsonl`` or ``vtt``."""
        raise NotImplementedError

    async def subscribe(self, thread_id: ThreadId, sink: Sink) -> None:
        """From now on the sink gets the thread's records and live notifications; idempotent."""
        raise NotImplementedError

    def unsubscribe(self, sink: Sink) -> None:
        """The client has gone: forget it everywhere; audio that was its own goes nowhere."""
        raise NotImplementedError

    async def prepare_resume(self, params: app.ThreadResumeParams, sink: Sink) -> Resumption:
        """Fix the head and hold everything newer back for this sink; the door answers the call, then replays."""
        raise NotImplementedError

    async def replay(self, resumption: Resumption, sink: Sink) -> None:
        """Send the records above ``after`` up to the head, ``thread/replayDone``, then let go what was held."""
        raise NotImplementedError

    async def start_turn(self, params: app.TurnStartParams) -> app.Turn:
        """Run the agent on typed text, or steer the turn that runs; after the commit."""
        raise NotImplementedError

    async def steer_turn(self, params: app.TurnSteerParams) -> app.Turn:
        """Steer the running turn; raises ``TurnNotFound``."""
        raise NotImplementedError

    async def interrupt_turn(self, params: app.TurnInterruptParams) -> None:
        """Stop the running turn; raises ``TurnNotFound``."""
        raise NotImplementedError

    async def start_realtime(self, params: app.RealtimeStartParams, sink: Sink | None) -> SessionId:
        """Begin a call in the background; what goes wrong later is notified. ``sink`` gets the audio."""
        raise NotImplementedError

    def append_audio(self, thread_id: ThreadId, audio: app.AudioParams) -> None:
        """Hot path: check, convert when foreign, queue; never waits. Raises ``SessionNotFound``, ``InvalidRequest``."""
        raise NotImplementedError

    async def append_text(self, params: app.AppendTextParams) -> Seq:
        """Store the text as an item and pass it on; returns its number after the commit."""
        raise NotImplementedError

    async def append_speech(self, params: app.AppendSpeechParams) -> None:
        """Ask the model to say something."""
        raise NotImplementedError

    async def interrupt_realtime(self, thread_id: ThreadId) -> None:
        """Stop the answer that is being spoken."""
        raise NotImplementedError

    async def commit_audio(self, thread_id: ThreadId) -> None:
        """Push to talk: what was said is a turn, and a response is wanted."""
        raise NotImplementedError

    async def clear_audio(self, thread_id: ThreadId) -> None:
        """Push to talk: forget what was said."""
        raise NotImplementedError

    async def played(self, params: app.PlayedParams) -> None:
        """The client's clock: how much of an item was heard."""
        raise NotImplementedError

    async def stop_realtime(self, thread_id: ThreadId) -> None:
        """End the call; nothing happens when there is none."""
        raise NotImplementedError

    def session_status(self, thread_id: ThreadId) -> JsonObject | None:
        """The live session's state for humans, or None."""
        raise NotImplementedError

    async def ready(self) -> None:
        """Raises when the gateway should get no new work: store down, draining."""
        raise NotImplementedError
