"""WAV files in and out, and the ear that hears in real time."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from realtime.commands.sound import Player, Recording, check_writable, read_wav, write_wav
from realtime.errors import ConfigurationError
from realtime.protocol.json import JsonObject
from tests.commands.sounds import chunk, wav


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_frames_are_the_file_in_its_own_format(tmp_path: Path, rate: int, channels: int) -> None:
    recording = read_wav(wav(tmp_path / "in.wav", rate=rate, channels=channels, samples=rate + 7))
    frames = list(recording.frames())
    assert b"".join(base64.b64decode(frame["data"]) for frame in frames) == recording.pcm
    assert {(frame["sampleRate"], frame["numChannels"]) for frame in frames} == {(rate, channels)}
    elapsed = 0
    for number, frame in enumerate(frames[:-1], start=1):
        elapsed += frame["samplesPerChannel"]
        assert abs(elapsed / rate - number * 0.02) < 1 / rate
    assert all(len(base64.b64decode(frame["data"])) == frame["samplesPerChannel"] * 2 * channels for frame in frames)


def test_silence_has_the_format_of_the_recording() -> None:
    silence = Recording(b"\x01\x00" * 882, 44_100, 2).silence(0.5)
    assert (silence.sample_rate, silence.num_channels, silence.duration_s) == (44_100, 2, 0.5)
    assert set(silence.pcm) == {0}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "in.wav"),
        (b"RIFF\x00\x00\x00\x00WAVE", "in.wav"),
        (b"hello, this is no sound at all", "RIFF"),
    ],
)
def test_a_file_that_is_no_wav_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "in.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words) as refused:
        read_wav(path)
    assert refused.value.setting == "--wav"


@pytest.mark.parametrize("how", [{"width": 1}, {"width": 4}, {"rate": 4_000}, {"rate": 192_000}, {"channels": 9}])
def test_a_format_that_is_not_taken_is_said(tmp_path: Path, how: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        read_wav(wav(tmp_path / "in.wav", **how))


def test_a_file_without_sound_is_said_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    write_wav(path, b"")
    with pytest.raises(ConfigurationError, match="holds no sound"):
        read_wav(path)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    check_writable(path)
    write_wav(path, b"\x01\x02" * 2400)
    assert read_wav(path) == Recording(b"\x01\x02" * 2400, 24_000, 1)
    with pytest.raises(ConfigurationError):
        check_writable(tmp_path / "no" / "such" / "folder.wav")


# -- the ear ---------------------------------------------------------------------------------------------------


def test_chunks_play_one_after_another_from_when_they_came() -> None:
    player = Player()
    assert (player.ends_at(), player.position(now=5)) == (0.0, None)
    player.receive(chunk(200), now=10.0)
    player.receive(chunk(200), now=10.01)
    assert player.ends_at() == pytest.approx(10.4)
    assert player.position(now=10.1) == ("item_1", 100)
    assert player.position(now=10.3) == ("item_1", 300)
    assert player.position(now=99) == ("item_1", 400)
    player.receive(chunk(100), now=20.0)  # after a pause: the clock does not run back
    assert player.ends_at() == pytest.approx(20.1)
    assert player.position(now=20.05) == ("item_1", 450)


def test_the_position_is_that_of_the_item_that_plays() -> None:
    player = Player()
    player.receive(chunk(100, item_id="a"), now=0)
    player.receive(chunk(100, item_id="b"), now=0)
    assert player.position(now=0.05) == ("a", 50)
    assert player.position(now=0.15) == ("b", 50)


def test_a_flush_drops_what_was_not_heard() -> None:
    player = Player()
    player.receive(chunk(100, fill=1), now=0)
    player.receive(chunk(100, fill=2), now=0)
    player.receive(chunk(100, fill=3), now=0)
    player.flush(now=0.15)
    assert player.duration_ms() == 150
    assert player.pcm() == b"\x01\x00" * 2400 + b"\x02\x00" * 1200
    assert player.ends_at() == pytest.approx(0.15)
    assert player.position(now=9) == ("item_1", 150)
    player.receive(chunk(100, item_id="next", fill=4), now=0.2)
    assert player.position(now=0.25) == ("next", 50)


def test_a_flush_before_anything_came_is_harmless() -> None:
    player = Player()
    player.flush(now=1)
    assert player.pcm() == b""


@pytest.mark.parametrize("audio", [{}, {"data": None}, {"data": "not base64!"}, {"data": 5}])
def test_a_chunk_that_is_none_is_left_out(audio: JsonObject) -> None:
    player = Player()
    player.receive(audio, now=1)
    assert player.pcm() == b""
