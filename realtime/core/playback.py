"""How much of the answer's audio has gone out, and how much of it was heard.

Law: a truncation never goes past what arrived. What was heard is the client's report where there is one,
else a guess by the clock: items play one after another, each from when its first chunk came.
"""

from __future__ import annotations

from dataclasses import dataclass

from realtime.core.recent import Recent
from realtime.protocol.audio import AudioChunk
from realtime.protocol.ids import ItemId

KEPT = 16
"""Items remembered; older ones have long been heard."""
COUNTING_MS = 20
"""A report that is short of an item's end by less tells of how the client counts: the item was heard."""


@dataclass(frozen=True, slots=True)
class Cut:
    """An item was cut off: the first ``heard_ms`` of its ``audio_ms`` (None: not known) were heard.

    ``heard_ms`` 0 means that the item is better deleted than truncated.
    """

    item_id: ItemId
    heard_ms: int
    audio_ms: int | None


@dataclass(slots=True)
class _Track:
    first: float
    samples_ms: float = 0.0
    report: int | None = None
    cut: int | None = None
    active: bool = True
    stale: bool = False
    settled: bool = False
    """Reported as heard to its end before it was cut."""

    @property
    def received(self) -> int:
        # A hair above, so that sums of exact fractions do not fall a millisecond short.
        return int(self.samples_ms + 1e-6)

    @property
    def reported_whole(self) -> bool:
        return self.report is not None and self.report > self.received - COUNTING_MS


class Playback:
    """The answer's items that may still be playing."""

    def __init__(self) -> None:
        self._tracks = Recent[ItemId, _Track](KEPT)

    def received(self, item_id: ItemId, chunk: AudioChunk, *, now: float) -> None:
        """A chunk of the item is on its way to the person."""
        track = self._tracks.get(item_id)
        if track is None:
            track = self._tracks[item_id] = _Track(first=now)
        track.samples_ms += chunk.duration_ms

    def audio_ms(self, item_id: ItemId) -> int | None:
        """Audio of the item that arrived so far; None when there was none."""
        track = self._tracks.get(item_id)
        return track.received if track else None

    def heard(self, item_id: ItemId, ms: int) -> Cut | None:
        """The client's report. A cut item of which less was heard than thought is cut again.

        Not one that the client had reported as heard to its end: that is not taken back.
        """
        track = self._tracks.get(item_id)
        if track is None or track.stale or track.settled:
            return None
        track.report = ms
        if track.cut is None or ms >= track.cut or (track.cut == track.received and track.reported_whole):
            return None
        track.cut = ms
        return Cut(item_id, ms, track.received)

    def reached(self, item_id: ItemId | None, ms: int) -> None:
        """So far it was played, in the order of the items: an exact report, taken just before a cut."""
        if item_id is not None and item_id not in self._tracks:
            return
        before = item_id is not None
        for known, track in self._tracks.items():
            if known == item_id:
                track.report, before = ms, False
            else:
                track.report = track.received if before else 0

    def done(self, item_id: ItemId | None = None) -> None:
        """The item's response has ended (None: of all items); its audio may still be playing."""
        for known, track in self._tracks.items():
            if item_id is None or known == item_id:
                track.active = False

    def is_over(self, item_id: ItemId | None) -> bool:
        """True once the item was cut off, or flushed as heard."""
        track = self._tracks.get(item_id) if item_id is not None else None
        return track is not None and track.cut is not None

    def may_sound(self) -> bool:
        """True while anything was played that was neither cut nor reported as heard to its end.

        The clock does not tell: a client may lag behind it by any time, by its buffers or because it was suspended.
        """
        return any(track.cut is None and not track.reported_whole for track in self._tracks.values())

    def interrupted(self, *, now: float) -> list[Cut]:
        """The person cuts in: what has to be cut, in order. Each item is cut once.

        What the clock holds for heard is cut at its end: only a report of less cuts it again.
        """
        cuts, free_at = [], 0.0
        last = next(reversed(self._tracks), None)
        for item_id, track in self._tracks.items():
            if track.cut is not None:
                continue  # flushed: what follows does not wait for the rest of it
            begins = max(track.first, free_at)
            free_at = begins + track.samples_ms / 1000
            if not track.received:
                continue
            heard = track.report if track.report is not None else int(max(0.0, now - begins) * 1000)
            track.settled = track.reported_whole
            track.cut = heard = min(heard, track.received)
            if not track.stale and (heard < track.received or (track.active and item_id == last)):
                cuts.append(Cut(item_id, heard, track.received))
        return cuts

    def is_playing(self, *, now: float) -> bool:
        """True while something of it may still be sounding."""
        end = 0.0
        for track in self._tracks.values():
            if track.cut is None:
                end = max(end, track.first) + track.samples_ms / 1000
        return now < end

    def retire(self) -> None:
        """The connection is gone: what still sounds can be flushed, but no longer truncated."""
        for track in self._tracks.values():
            track.stale, track.active = True, False
