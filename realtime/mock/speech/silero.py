"""Voice detection by Silero's network, on onnxruntime. The graph lies beside this file, with its licence (MIT)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from realtime.mock.speech.contracts import SAMPLE_RATE, Voice
from realtime.mock.speech.cue import WINDOW, WINDOW_MS, LoudnessCue
from transports.audio import Framer, Resampler

RATE = 16_000
"""What the graph was made for."""
_CONTEXT = 64
"""Samples of what came before stand in front of each window; without them the graph never fires."""
_STATE = (2, 1, 128)
_HYSTERESIS = 0.15
_SURE_WINDOWS = 2
"""So many windows of speech on end are speech even where nothing grew louder."""

Window = npt.NDArray[np.float32]


class Graph:
    """The network, shared by all sessions; what each of them needs to remember is passed in and out."""

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # else each session would keep a pool of threads busy waiting
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        model = files("realtime.mock.speech").joinpath("silero_vad_16k.onnx").read_bytes()
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._rate = np.array(RATE, np.int64)

    def run(self, sound: Window, state: Window) -> tuple[float, Window]:
        """How likely a window with its context is speech, 0..1, and the state for the next one."""
        output: list[Any] = self._session.run(None, {"input": sound[None, :], "state": state, "sr": self._rate})
        return float(output[0][0, 0]), output[1]


@cache
def graph() -> Graph:
    """The one of this process; raises ``ImportError`` where onnxruntime is not installed."""
    return Graph()


class SileroDetector:
    """Speech is what the network says is speech, window by window of 32 ms.

    A window that is speech is believed at once where the sound has grown louder, and after two on end where it
    has not. Then the onset is told where it grew louder: the network notices later, most of all in noise.
    An end is told where the last window of speech ended; the network's bar for going on is lower by 0.15.
    """

    def __init__(self, network: Graph | None = None) -> None:
        self._graph = network or graph()
        self._threshold = 0.5
        self._silence_ms = 500
        self._resampler = Resampler(SAMPLE_RATE, RATE)
        self._framer = Framer(WINDOW)
        self._cue = LoudnessCue()
        self._context: Window = np.zeros(_CONTEXT, np.float32)
        self._state: Window = np.zeros(_STATE, np.float32)
        self._windows = 0
        self._run = 0
        self._speaking = False
        self._last_speech_ms = 0

    def configure(self, *, threshold: float, silence_ms: int) -> None:
        """Takes effect from the next window on."""
        self._threshold = min(max(threshold, 0.05), 0.95)
        self._silence_ms = max(WINDOW_MS, silence_ms)

    def feed(self, pcm: bytes) -> Sequence[Voice]:
        """Look at the whole windows; what is left over waits for the next chunk."""
        windows = self._framer.push(self._resampler.push(np.frombuffer(pcm, "<i2")))
        return [change for window in windows if (change := self._window(window)) is not None]

    def reset(self) -> None:
        """Silence until the next onset."""
        self._speaking = False
        self._run = 0
        self._cue.reset()

    def _window(self, pcm: npt.NDArray[np.int16]) -> Voice | None:
        start_ms = self._windows * WINDOW_MS
        self._windows += 1
        self._cue.feed(pcm, start_ms)
        sound: Window = np.concatenate((self._context, pcm.astype(np.float32) / 32_768), dtype=np.float32)
        self._context = sound[-_CONTEXT:]
        likely, self._state = self._graph.run(sound, self._state)
        return self._follow(likely, start_ms)

    def _follow(self, likely: float, start_ms: int) -> Voice | None:
        if self._speaking:
            return self._go_on(likely, start_ms + WINDOW_MS)
        self._run = self._run + 1 if likely >= self._threshold else 0
        louder_from_ms = self._cue.since_ms
        if not self._run or (louder_from_ms is None and self._run < _SURE_WINDOWS):
            return None
        self._speaking = True
        self._last_speech_ms = start_ms + WINDOW_MS
        unaided_ms = start_ms - (self._run - 1) * WINDOW_MS
        return Voice("started", unaided_ms if louder_from_ms is None else min(unaided_ms, louder_from_ms))

    def _go_on(self, likely: float, end_ms: int) -> Voice | None:
        if likely >= self._threshold - _HYSTERESIS:
            self._last_speech_ms = end_ms
        elif end_ms - self._last_speech_ms >= self._silence_ms:
            self.reset()
            return Voice("stopped", self._last_speech_ms)
        return None
