"""What the gateway counts, by name. Words and sound never come here, and ids never become labels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_MAX_SERIES = 64


class _Counter:
    """A sum that only grows, apart for each value of one label where it has one."""

    def __init__(self, name: str, text: str, label: str | None = None) -> None:
        self._name = name
        self._text = text
        self._label = label
        self._sums: dict[str, float] = {} if label else {"": 0.0}

    def add(self, amount: float = 1.0, value: str = "") -> None:
        """Count; the 65th value of a label and all after it are counted as ``other``."""
        if value not in self._sums and len(self._sums) >= _MAX_SERIES:
            value = "other"
        self._sums[value] = self._sums.get(value, 0.0) + amount

    def total(self) -> float:
        return sum(self._sums.values())

    def lines(self) -> Iterator[str]:
        yield from _head(self._name, self._text, "counter")
        for value, amount in self._sums.items():
            label = f'{{{self._label}="{_escaped(value)}"}}' if self._label else ""
            yield f"{self._name}{label} {amount:.15g}"


class _Histogram:
    """How often a duration fell below each bound, in seconds."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._counts = [0] * (len(_SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_SECONDS, seconds)] += 1
        self._sum += seconds

    def lines(self) -> Iterator[str]:
        yield from _head(self._name, self._text, "histogram")
        running = 0
        for bound, count in zip((*_SECONDS, float("inf")), self._counts, strict=True):
            running += count
            edge = "+Inf" if bound == float("inf") else f"{bound:g}"
            yield f'{self._name}_bucket{{le="{edge}"}} {running}'
        yield f"{self._name}_sum {self._sum:.15g}"
        yield f"{self._name}_count {running}"


class Telemetry:
    """One process's figures. ``cli`` makes it and hands it down; every method is cheap and never fails."""

    def __init__(self) -> None:
        self._opened = _Counter("voxgate_sessions_opened_total", "Realtime sessions begun.")
        self._closed = _Counter("voxgate_sessions_closed_total", "Realtime sessions ended, by reason.", "reason")
        self._media = _Counter("voxgate_calls_total", "Calls begun, by how their sound travels.", "medium")
        self._packets_lost = _Counter("voxgate_webrtc_packets_lost_total", "Packets of microphones that never came.")
        self._concealed = _Counter("voxgate_webrtc_concealed_ms_total", "Sound of microphones that was filled in.")
        self._reconnects = _Histogram(
            "voxgate_upstream_reconnect_seconds", "From losing the upstream to having it back."
        )
        self._first_audio = _Histogram(
            "voxgate_first_audio_seconds", "From asking for a response, or from the end of speech, to its first audio."
        )
        self._queued = _Counter("voxgate_responses_queued_total", "Responses that had to wait for another to end.")
        self._turns = _Counter("voxgate_turns_total", "Runs of the background agent, by outcome.", "outcome")
        self._turn_seconds = _Histogram("voxgate_turn_seconds", "Duration of the background agent's runs.")
        self._dropped = _Counter("voxgate_microphone_chunks_dropped_total", "Audio chunks the upstream took too late.")
        self._clients = _Counter("voxgate_clients_opened_total", "Client connections accepted.")
        self._clients_closed = _Counter("voxgate_clients_closed_total", "Client connections ended, by code.", "code")
        self._shed_ms = _Counter("voxgate_client_audio_shed_ms_total", "Audio that slow clients did not get.")
        self._shed_deltas = _Counter(
            "voxgate_client_deltas_shed_total", "Transcript deltas that slow clients did not get."
        )
        self._refused = _Counter("voxgate_calls_refused_total", "Client calls answered with an error, by code.", "code")
        self._records = _Counter("voxgate_records_stored_total", "Records committed.")
        self._commits = _Histogram(
            "voxgate_commit_seconds", "From handing a batch of records to the store to its commit."
        )
        self._lag = _Histogram("voxgate_loop_lag_seconds", "How late the event loop was.")

    def session_opened(self, medium: str = "chunks") -> None:
        """A realtime session has begun; its sound travels as ``session/medium.py`` names it."""
        self._opened.add()
        self._media.add(value=medium)

    def peer_ended(self, packets_lost: int, concealed_ms: int) -> None:
        """A WebRTC peer of ours is over; so much of the microphone was lost on the way, and filled in."""
        self._packets_lost.add(packets_lost)
        self._concealed.add(concealed_ms)

    def session_closed(self, reason: str) -> None:
        """It has ended; ``reason`` is that of ``thread/realtime/closed``."""
        self._closed.add(value=reason)

    def reconnected(self, seconds: float) -> None:
        """A lost upstream is back."""
        self._reconnects.observe(seconds)

    def first_audio(self, seconds: float) -> None:
        """The first audio of an answer came, so long after it was asked for, or the person stopped speaking."""
        self._first_audio.observe(seconds)

    def response_queued(self) -> None:
        """A response was wanted while another was active."""
        self._queued.add()

    def turn_ended(self, outcome: str, seconds: float) -> None:
        """A run of the agent has ended; ``outcome`` is the turn's status."""
        self._turns.add(value=outcome)
        self._turn_seconds.observe(seconds)

    def audio_dropped(self, chunks: int) -> None:
        """So many microphone chunks, or none, were dropped before they reached the upstream."""
        if chunks:
            self._dropped.add(chunks)

    def client_opened(self) -> None:
        """A client has connected."""
        self._clients.add()

    def client_closed(self, code: int) -> None:
        """It has gone; ``code`` is the socket's close code."""
        self._clients_closed.add(value=str(code))

    def client_shed(self, audio_ms: float, deltas: int) -> None:
        """A slow client did not get this much."""
        self._shed_ms.add(audio_ms)
        self._shed_deltas.add(deltas)

    def call_refused(self, code: str) -> None:
        """A client's call was answered with this ``data.code``."""
        self._refused.add(value=code)

    def records_stored(self, count: int, seconds: float) -> None:
        """A batch of records was committed."""
        self._records.add(count)
        self._commits.observe(seconds)

    def loop_lagged(self, seconds: float) -> None:
        """A timer of the event loop came so late."""
        self._lag.observe(seconds)

    def snapshot(self) -> str:
        """Everything in the Prometheus text format, version 0.0.4."""
        lines = [line for figure in vars(self).values() for line in figure.lines()]
        lines += _gauge("voxgate_sessions", "Realtime sessions now.", self._opened.total() - self._closed.total())
        lines += _gauge(
            "voxgate_clients", "Client connections now.", self._clients.total() - self._clients_closed.total()
        )
        return "\n".join(lines) + "\n"


def _head(name: str, text: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _gauge(name: str, text: str, value: float) -> list[str]:
    return [*_head(name, text, "gauge"), f"{name} {value:.15g}"]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
