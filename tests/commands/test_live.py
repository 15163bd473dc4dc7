"""``voxgate call --live``: through a microphone and a speaker, with a gateway of its own."""

from __future__ import annotations

import asyncio
import io
import math
import signal
import struct
import sys
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import pytest_asyncio

from realtime.cli import main
from realtime.commands.call import Caller, Plan
from realtime.commands.door import Door
from realtime.commands.live import Choice, SoundCard, SoundPorts, choice
from realtime.commands.reporter import JsonLines
from realtime.commands.sound import pcm_of
from realtime.errors import ConfigurationError
from realtime.protocol import json
from realtime.protocol.json import JsonObject
from tests.commands.running import TALK_S, address, finished, first_line, started, stopped
from transports.link import MessageLink
from transports.websocket import connect

SOUND_CARD = Path(__file__).parent / "sound_card"
BLOCK = 480
LOUD = b"".join(struct.pack("<h", int(9000 * math.sin(2 * math.pi * 440 * n / 24_000))) for n in range(BLOCK))
SILENT = bytes(2 * BLOCK)
COUNT = "please count to twenty slowly"


class Wire:
    """A link that keeps what goes over it."""

    def __init__(self, link: MessageLink) -> None:
        self._link = link
        self._changed = asyncio.Event()
        self.sent: list[JsonObject] = []
        self.received: list[JsonObject] = []

    async def send(self, text: str) -> None:
        await self._link.send(text)
        self.sent.append(json.decode_object(text))
        self._changed.set()

    async def receive(self) -> str | bytes:
        text = await self._link.receive()
        self.received.append(json.decode_object(text))
        self._changed.set()
        return text

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._link.close(code, reason)

    async def until(self, known: Callable[[], bool]) -> None:
        """Wait for something to have gone over it."""
        async with asyncio.timeout(TALK_S):
            while not known():
                self._changed.clear()
                await self._changed.wait()

    def told(self, method: str) -> list[JsonObject]:
        """The parameters of what was notified."""
        return [m["params"] for m in self.received if m.get("method") == f"thread/realtime/{method}"]

    def said(self, method: str) -> list[JsonObject]:
        """The parameters of what was asked or told by us."""
        return [m["params"] for m in self.sent if m.get("method") == f"thread/realtime/{method}"]

    def completed(self, kind: str) -> list[JsonObject]:
        """The items of a type that were filled."""
        items = [m["params"]["item"] for m in self.received if m.get("method") == "item/completed"]
        return [item for item in items if item["type"] == kind]

    def brought_ms(self) -> int:
        """How much sound of answers has come."""
        return sum(len(pcm_of(chunk["audio"])) for chunk in self.told("outputAudio/delta")) // 48


@dataclass(frozen=True, slots=True)
class WatchedDoor(Door):
    """A door whose links are kept."""

    wires: list[Wire] = field(default_factory=list)

    async def open(self) -> MessageLink:
        self.wires.append(Wire(await connect(self.url, headers=self.headers, connect_timeout=5)))
        return self.wires[-1]


class Device:
    """A sound device that does what the test says."""

    def __init__(self, refusal: str | None = None) -> None:
        self._refusal = refusal
        self.running = asyncio.Event()
        self.ports: SoundPorts | None = None
        self.stopped = False

    def start(self, ports: SoundPorts) -> None:
        if self._refusal is not None:
            raise ConfigurationError(self._refusal, setting="--device")
        self.ports = ports
        self.running.set()

    def stop(self) -> None:
        self.stopped = True

    async def hear(self, block: bytes, times: int) -> None:
        """The microphone gives these, from another thread."""
        ports = self.ports
        assert ports is not None
        for _ in range(times):
            await asyncio.to_thread(ports.heard, block)

    async def play(self, times: int) -> bytes:
        """The speaker takes so many blocks, from another thread."""
        ports = self.ports
        assert ports is not None
        return b"".join([await asyncio.to_thread(ports.wanted, BLOCK) for _ in range(times)])


class Talk:
    """A live talk that has begun, with the means to end it."""

    def __init__(self, url: str, device: Device, **more: object) -> None:
        self.device = device
        self.door = WatchedDoor(url.replace("http", "ws") + "/", {})
        self.plan = Plan(self.door, None, "audio", (), None, None, None, device)
        for name, value in more.items():
            object.__setattr__(self.plan, name, value)
        self.out = io.StringIO()
        self.stop = asyncio.Event()
        self.status: int | None = None

    async def hold(self) -> None:
        clock = asyncio.get_running_loop().time
        self.status = await Caller(self.plan, JsonLines(clock, self.out)).run(self.stop)

    @property
    def wire(self) -> Wire:
        return self.door.wires[-1]

    @property
    def lines(self) -> list[JsonObject]:
        return [json.decode_object(line) for line in self.out.getvalue().splitlines()]


@asynccontextmanager
async def talking(url: str, device: Device, **more: object) -> AsyncIterator[Talk]:
    """A live talk through the gateway; hung up, or ended by itself, when the block is left."""
    talk = Talk(url, device, **more)
    async with asyncio.timeout(TALK_S), asyncio.TaskGroup() as group:
        group.create_task(talk.hold())
        yield talk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """One for all talks; its address."""
    async with started(tmp_path_factory.mktemp("gateway"), "serve", "--port", "0") as process:
        yield address(await first_line(process))


# -- the talk --------------------------------------------------------------------------------------------------


async def test_who_speaks_is_heard_and_hears_the_answer_until_ctrl_c(tmp_path: Path, gateway: str) -> None:
    library = {"PYTHONPATH": str(SOUND_CARD)}
    talk = ("call", "--live", "--device", "Desk,1", "--out", "answer.wav", "--json", "--url", gateway)
    async with started(tmp_path, *talk, **library) as call:
        kinds = [json.decode_object(await first_line(call))["type"] for _ in range(3)]
        status, out, err = await stopped(call, signal.SIGINT)
    assert (kinds[0], sorted(kinds[1:])) == ("started", ["assistant", "user"])
    end = json.decode_object(out.splitlines()[-1])
    assert (status, err, end["ok"], end["reason"]) == (0, "", True, "hung_up")
    with wave.open(str(tmp_path / "answer.wav")) as file:
        assert (file.getframerate(), file.getnchannels()) == (24_000, 1)
        kept = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
    assert end["audioMs"] == len(kept) // 24 > 0
    played = np.frombuffer((tmp_path / "played.raw").read_bytes(), dtype=np.int16)
    assert np.array_equal(played[played != 0], kept[kept != 0])


async def test_a_barge_in_cuts_the_answer_where_the_device_stopped_to_play_it(gateway: str) -> None:
    device = Device()
    async with talking(gateway, device, texts=(COUNT,)) as talk:
        await device.running.wait()
        wire = talk.wire
        await wire.until(lambda: wire.brought_ms() >= 1000)
        sound = await device.play(30)
        assert any(sound)
        await wire.until(lambda: any(report["playedMs"] == 600 for report in wire.said("played")))
        await device.hear(LOUD, 40)
        await wire.until(lambda: bool(wire.told("outputAudio/flush")))
        assert await device.play(5) == SILENT * 5
        await device.hear(SILENT, 60)
        await wire.until(lambda: any("heardMs" in item for item in wire.completed("assistantMessage")))
        talk.stop.set()
    cut = next(item for item in wire.completed("assistantMessage") if "heardMs" in item)
    assert (cut["status"], cut["heardMs"]) == ("interrupted", 600)
    assert {report["playedMs"] for report in wire.said("played") if report["itemId"] == cut["id"]} >= {600}
    assert (talk.status, talk.lines[-1]["reason"], device.stopped) == (0, "hung_up", True)
    assert talk.lines[-1]["audioMs"] >= 600


async def test_what_was_played_is_told_at_once_when_the_answer_is_flushed(
    gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.commands.call.PLAYED_EVERY_S", TALK_S * 2)  # no other report comes in this test
    device = Device()
    async with talking(gateway, device, texts=(COUNT,)) as talk:
        await device.running.wait()
        wire = talk.wire
        await wire.until(lambda: wire.brought_ms() >= 1000)
        await device.play(10)
        assert wire.said("played") == []
        await device.hear(LOUD, 40)
        await wire.until(lambda: any(report["playedMs"] == 200 for report in wire.said("played")))
        assert wire.told("outputAudio/flush")
        talk.stop.set()


async def test_nobody_who_spoke_has_no_answer(gateway: str) -> None:
    device = Device()
    async with talking(gateway, device) as talk:
        await device.running.wait()
        await device.hear(SILENT, 3)
        await talk.wire.until(lambda: len(talk.wire.said("appendAudio")) == 3)
        talk.stop.set()
    assert [line["type"] for line in talk.lines] == ["started", "end"]
    assert (talk.status, talk.lines[-1]["ok"], talk.lines[-1]["reason"]) == (1, False, "hung_up")
    assert talk.wire.told("closed")


async def test_a_device_that_is_unplugged_ends_the_talk(gateway: str) -> None:
    device = Device()
    async with talking(gateway, device) as talk:
        await device.running.wait()
        assert device.ports is not None
        await asyncio.to_thread(device.ports.lost)
    assert [line["type"] for line in talk.lines] == ["started", "error", "end"]
    assert (talk.status, talk.lines[1]["code"], talk.lines[2]["reason"]) == (1, "device_lost", "device_lost")
    assert talk.wire.told("closed")


async def test_a_device_that_cannot_be_started_ends_the_talk(gateway: str) -> None:
    async with talking(gateway, Device(refusal="--live: the microphone is taken")) as talk:
        pass
    assert (talk.status, talk.lines[1]["message"]) == (1, "--live: the microphone is taken")
    assert talk.wire.told("closed")


async def test_a_call_that_is_ended_elsewhere_ends_the_talk(tmp_path: Path, gateway: str) -> None:
    device = Device()
    async with talking(gateway, device) as talk:
        await device.running.wait()
        thread_id = talk.lines[0]["threadId"]
        other = ("--thread", thread_id, "--text", "hello", "--modality", "text", "--json")
        status, _, _ = await finished(tmp_path, "call", "--url", talk.door.url, *other)
        assert status == 0
    assert talk.lines[-1]["reason"] == "requested"
    assert device.stopped


# -- the machine's devices -------------------------------------------------------------------------------------


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The library's stand-in, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(SOUND_CARD))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    module = __import__("sounddevice")
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    assert module.__file__ == str(SOUND_CARD / "sounddevice.py")
    return module


def refused(*argv: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a wrong call says, in its one line."""
    assert main(("call", *argv)) == 2
    captured = capsys.readouterr()
    [line] = captured.err.splitlines()
    assert captured.out == ""
    return line


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "it comes with `make setup`" in refused("--live", capsys=capsys)
    assert "it comes with `make setup`" in refused("--list-devices", capsys=capsys)


def test_without_the_system_library_its_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    line = refused("--live", capsys=capsys)
    assert "PortAudio library not found" in line
    assert "apt-get install libportaudio2" in line


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--live", "--device", "Moon,"), "no microphone that takes 24 kHz, mono: No input device matching 'Moon'"),
        (("--live", "--device", ",2"), "no speaker that takes 24 kHz, mono: Invalid sample rate"),
        (("--live", "--device", "1"), "--device: must be IN,OUT"),
        (("--live", "--device", "hw:1,0,2"), "--device: must be IN,OUT"),
        (("--text", "hello", "--device", "0,1"), "--device: is for --live"),
        (("--live", "--wav", "in.wav"), "--live: cannot be had with --wav"),
    ],
)
def test_what_cannot_be_had_is_said(
    argv: tuple[str, ...], told: str, sounddevice: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(*argv, capsys=capsys)


def test_devices_are_chosen_by_number_or_name() -> None:
    assert choice("0, Loud speaker ") == Choice(0, "Loud speaker")
    assert choice(",") == Choice(None, None)


def test_the_devices_are_listed(sounddevice: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("call", "--list-devices")) == 0
    assert capsys.readouterr().out.splitlines() == [
        "  0  Desk microphone: 1 in (default)",
        "  1  Loud speaker: 2 out (default)",
        "  2  Nothing: neither in nor out",
    ]
    assert main(("call", "--list-devices", "--json")) == 0
    first, *_ = (json.decode_object(line) for line in capsys.readouterr().out.splitlines())
    assert first["t"] >= 0
    del first["t"]
    assert first == {
        "type": "device",
        "index": 0,
        "name": "Desk microphone",
        "inputs": 1,
        "outputs": 0,
        "isDefaultInput": True,
        "isDefaultOutput": False,
    }


def test_a_machine_without_devices_says_so(
    sounddevice: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sounddevice, "query_devices", list)
    assert main(("call", "--list-devices")) == 0
    assert capsys.readouterr().out == "no sound device is found\n"


@pytest.mark.parametrize("unplugged", [True, False])
async def test_a_device_that_ends_by_itself_is_told_from_one_that_was_stopped(
    sounddevice: ModuleType, unplugged: bool
) -> None:
    lost, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_lost() -> None:
        loop.call_soon_threadsafe(lost.set)

    card = SoundCard(Choice(), with_speaker=True)
    card.start(SoundPorts(heard=lambda block: None, wanted=lambda frames: bytes(2 * frames), lost=on_lost))
    if unplugged:
        sounddevice.streams[-1].unplug()
        async with asyncio.timeout(TALK_S):
            await lost.wait()
    card.stop()
    card.stop()
    await asyncio.sleep(0)  # one turn of the loop: what the threads have said is known
    assert lost.is_set() is unplugged


def test_answers_in_writing_need_no_speaker(sounddevice: ModuleType) -> None:
    SoundCard(Choice(speaker=2), with_speaker=False)
    with pytest.raises(ConfigurationError):
        SoundCard(Choice(speaker=2), with_speaker=True)
