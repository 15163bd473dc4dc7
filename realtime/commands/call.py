"""``voxgate call``: a talk from the terminal through a running gateway."""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from realtime.commands.door import Door, add_door_flags, door_from
from realtime.commands.live import Choice, SoundCard, SoundDevice, SoundPorts, choice, devices, shown
from realtime.commands.loudspeaker import Loudspeaker
from realtime.commands.microphone import Microphone
from realtime.commands.process import run_until_signal
from realtime.commands.reporter import JsonLines, Reporter, Screen
from realtime.commands.rpc_client import CallRefused, RpcClient
from realtime.commands.sound import FRAME_S, Ear, Player, Recording, check_writable, read_wav, write_wav
from realtime.commands.talk import QUIET_AFTER_SPEECH_S, QUIET_S, Talk
from realtime.commands.usage import CommandParser, seconds
from realtime.errors import ConfigurationError
from realtime.protocol.json import JsonObject
from transports.errors import ConnectFailed, LinkClosed

HEARD_S = 0.3
"""How long the word that the person has stopped may take after the last sound."""
SILENCE_S = 3.0
"""What follows a WAV at most while the voice detection waits for its end; then the turn is closed by hand."""
PLAYED_EVERY_S = 0.25
TIMEOUT_S = 60.0
"""For a talk that ends by itself; a live one lasts until somebody hangs up."""
GOODBYE_S = 3.0
EXIT_ANSWERED = 0
EXIT_SILENT = 1
INTERRUPTED = "interrupted"
"""Why a talk ended that SIGINT or SIGTERM cut short."""
HUNG_UP = "hung_up"
"""The same of a live talk, which ends so when all is well."""
DEVICE_LOST = "device_lost"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be said, and where."""

    door: Door
    thread_id: str | None
    modality: str
    texts: tuple[str, ...]
    recording: Recording | None
    out: Path | None
    timeout_s: float | None
    device: SoundDevice | None = None
    """Talk live through it, until somebody hangs up."""


def parser() -> argparse.ArgumentParser:
    """What ``call`` takes."""
    parser = CommandParser(
        prog="voxgate call",
        description="Talk through a running gateway. Texts are said one after another, then the WAV. The talk ends "
        "when no response is active or wanted, no hand-off is open and nothing is left to play, or at the timeout. "
        "With --live it goes by this machine's microphone and speaker until Ctrl-C hangs up; wear headphones, or the "
        "voice hears itself.",
        epilog="Exit status: 0 an answer came; 1 none came, its audio could not be kept, or a signal cut short "
        "a talk that was not live; 2 wrong usage.",
    )
    add_door_flags(parser)
    parser.add_argument("--thread", metavar="ID", help="go on in this thread (default: a new one)")
    parser.add_argument("--text", action="append", default=[], metavar="T", help="say this in writing; repeatable")
    parser.add_argument("--wav", type=Path, metavar="IN.wav", help="say this aloud: 16-bit PCM, any rate")
    parser.add_argument("--live", action="store_true", help="microphone and speaker; needs the extra voxgate[live]")
    parser.add_argument("--device", metavar="IN,OUT", help="for --live: numbers or parts of names, empty = default")
    parser.add_argument("--list-devices", action="store_true", help="show what --device can name, and end")
    parser.add_argument("--out", type=Path, metavar="OUT.wav", help="keep the answer's audio: 24 kHz, mono")
    parser.add_argument("--modality", choices=("audio", "text"), default="audio", help="how to be answered")
    parser.add_argument("--timeout", type=seconds, metavar="S", help="end after so long (60; live: never)")
    parser.add_argument("--json", action="store_true", help="JSON lines only, for programs")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Hold the talk."""
    started = time.monotonic()

    def elapsed() -> float:
        return time.monotonic() - started

    reporter: Reporter = JsonLines(elapsed) if arguments.json else Screen(elapsed)
    if arguments.list_devices:
        return _list_devices(reporter, as_json=arguments.json)
    plan = _plan(arguments)
    started = time.monotonic()
    return run_until_signal(lambda stop: Caller(plan, reporter).run(stop))


class Caller:
    """One call, from the connection to the ``end`` line. To be made on the running loop."""

    def __init__(self, plan: Plan, reporter: Reporter) -> None:
        self._plan = plan
        self._reporter = reporter
        self._clock = asyncio.get_running_loop().time
        self._microphone = Microphone()
        self._loudspeaker = Loudspeaker(self._clock, keeps=plan.out is not None)
        self._player: Ear = Player() if plan.device is None else self._loudspeaker
        self._flushed = asyncio.Event()
        self._device_lost = asyncio.Event()
        self._talk = Talk(reporter, self._player, self._clock)
        self._thread_id = plan.thread_id
        self._asked_to_start = False

    async def run(self, stop: asyncio.Event) -> int:
        """Talk until all is quiet, the time is over, or ``stop``; returns the exit status."""
        try:
            reason = await self._connected(stop)
        finally:
            self._silence()
        kept = self._keep(self._plan.out) if self._plan.out is not None else True
        ok = self._talk.answered and reason != INTERRUPTED and kept
        self._reporter.event(
            "end",
            {
                "ok": ok,
                "reason": reason,
                "threadId": self._thread_id,
                "firstAudioMs": self._talk.first_audio_ms,
                "audioMs": self._player.duration_ms(),
                "out": str(self._plan.out) if self._plan.out is not None and kept else None,
            },
        )
        return EXIT_ANSWERED if ok else EXIT_SILENT

    def _keep(self, out: Path) -> bool:
        """Write the answer's audio; False, and an ``error``, when the disk takes it no more."""
        try:
            write_wav(out, self._player.pcm())
        except OSError as error:
            self._failed("not_kept", f"--out: {out}: {error.strerror}")
            return False
        return True

    async def _connected(self, stop: asyncio.Event) -> str:
        """Hold the talk over a connection; returns why it ended."""
        try:
            link = await self._plan.door.open()
        except ConnectFailed as error:
            return self._failed(*self._plan.door.refusal(error))
        client = RpcClient(link, self._notified)
        async with asyncio.TaskGroup() as group:
            talk = group.create_task(self._hold(client))
            reader = group.create_task(client.run())
            reader.add_done_callback(lambda _: self._talk.cut_off())
            lost = group.create_task(self._device_lost.wait())
            ends = (talk, reader, lost, group.create_task(stop.wait()))
            beside = (group.create_task(self._report_played(client)), group.create_task(self._pass_on(client)))
            done, _ = await asyncio.wait(ends, timeout=self._plan.timeout_s, return_when=asyncio.FIRST_COMPLETED)
            self._silence()
            if talk not in done:
                talk.cancel()
            await self._hang_up(client)
            for task in (*ends[1:], *beside):
                task.cancel()
            await link.close()
        if talk in done:
            return talk.result()
        if lost in done:
            return self._failed(DEVICE_LOST, "the sound device has ended: it failed, or was unplugged")
        ended = INTERRUPTED if self._plan.device is None else HUNG_UP
        return "connection_lost" if reader in done else ended if done else "timeout"

    async def _hold(self, client: RpcClient) -> str:
        try:
            return await self._speak(client)
        except CallRefused as refused:
            return self._failed(refused.code, refused.message)
        except LinkClosed as closed:
            return self._failed("connection_lost", str(closed))
        except ConfigurationError as error:
            return self._failed(DEVICE_LOST, error.message)

    async def _speak(self, client: RpcClient) -> str:
        """Say everything, each after the answer to what came before."""
        await self._open(client)
        if not await self._talk.begun():
            return self._talk.closed or "error"
        if self._plan.device is not None:
            self._listen(self._plan.device)
        for text in self._plan.texts:
            self._reporter.typed(text)
            self._talk.asked()
            await client.call("thread/realtime/appendText", self._of_thread(text=text, respond=True))
            if not await self._talk.quiet(QUIET_S):
                return self._talk.closed or "error"
        if self._plan.recording is not None:
            heard = await self._say_aloud(client, self._plan.recording)
            if not await self._talk.quiet(QUIET_AFTER_SPEECH_S):
                return self._talk.closed or "error"
            if not heard and not self._talk.answered:
                silent = ": it is silent" if self._plan.recording.is_silent else ""
                return self._failed("nothing_heard", f"nobody was heard to speak in the recording{silent}")
        if self._plan.device is not None:
            await self._talk.over()
        return self._talk.closed or "completed"

    def _listen(self, device: SoundDevice) -> None:
        """Microphone and speaker on; raises ``ConfigurationError``."""
        loop = asyncio.get_running_loop()

        def lost() -> None:
            loop.call_soon_threadsafe(self._device_lost.set)

        device.start(SoundPorts(heard=self._microphone.heard, wanted=self._loudspeaker.wanted, lost=lost))
        self._reporter.remark("(the microphone is on: speak; Ctrl-C hangs up)")

    def _silence(self) -> None:
        """Microphone and speaker off, where they are on."""
        if self._plan.device is not None:
            self._plan.device.stop()

    async def _pass_on(self, client: RpcClient) -> None:
        """What the microphone gives, as long as there is somebody to hear it."""
        try:
            while self._talk.closed is None:
                block = await self._microphone.next()
                await client.tell("thread/realtime/appendAudio", self._of_thread(audio=block))
        except LinkClosed:
            return

    def _notified(self, method: str, params: JsonObject) -> None:
        self._talk.notified(method, params)
        if method == "thread/realtime/outputAudio/flush" and self._plan.device is not None:
            self._flushed.set()

    async def _open(self, client: RpcClient) -> None:
        await client.call("initialize", {"clientInfo": {"name": "voxgate-call", "version": version("voxgate")}})
        await client.tell("initialized", {})
        if self._thread_id is None:
            self._thread_id = (await client.call("thread/start", {}))["thread"]["id"]
        else:
            await client.call("thread/resume", self._of_thread())
        self._asked_to_start = True
        await client.call("thread/realtime/start", self._of_thread(outputModality=self._plan.modality))

    async def _say_aloud(self, client: RpcClient, recording: Recording) -> bool:
        """The recording and nothing else, unless it ends before the voice detection is sure that the turn does.

        False when nobody was heard in it.
        """
        heard = self._talk.utterances
        await self._stream(client, recording)
        await asyncio.sleep(HEARD_S)
        if self._talk.speaking:
            await self._stream(client, recording.silence(SILENCE_S), while_speaking=True)
        if self._talk.speaking and self._talk.closed is None:
            await client.call("thread/realtime/commitAudio", self._of_thread())
        if self._talk.utterances > heard:
            return True
        self._talk.asked()
        return self._talk.speaking

    async def _stream(self, client: RpcClient, recording: Recording, *, while_speaking: bool = False) -> None:
        """In real time, by deadlines that do not drift."""
        begun = self._clock()
        for number, frame in enumerate(recording.frames(), start=1):
            if self._talk.closed is not None or (while_speaking and not self._talk.speaking):
                return  # what is sent after the end goes to the call that has taken the place of this one
            params = self._of_thread(audio=frame)
            if number == 1:
                await client.call("thread/realtime/appendAudio", params)
            else:
                await client.tell("thread/realtime/appendAudio", params)
            await asyncio.sleep(begun + number * FRAME_S - self._clock())

    async def _report_played(self, client: RpcClient) -> None:
        """Tell how much was heard, so that an interruption cuts the answer where it was heard last."""
        told: list[tuple[str, int]] = []
        try:
            while True:
                await self._pause()
                heard = self._player.heard(now=self._clock())
                for position in heard:
                    if position not in told:
                        await self._tell_played(client, position)
                told = heard
        except LinkClosed:
            return

    async def _pause(self) -> None:
        """Between two reports; a flush cuts it short, since what was heard is now wanted exactly."""
        try:
            async with asyncio.timeout(PLAYED_EVERY_S):
                await self._flushed.wait()
            self._flushed.clear()
        except TimeoutError:
            return

    async def _hang_up(self, client: RpcClient) -> None:
        """Stop the call and wait for the records of its end.

        They hold the answer that was cut short, and the thread is to be complete when the command returns.
        """
        try:
            async with asyncio.timeout(GOODBYE_S):
                if self._talk.session_id is None:
                    await self._call_off(client)
                    return
                if self._talk.closed is None:
                    for heard in self._player.heard(now=self._clock()):
                        await self._tell_played(client, heard)
                    await client.call("thread/realtime/stop", self._of_thread())
                    await self._talk.over()
                await self._talk.recorded()
        except (TimeoutError, LinkClosed, CallRefused):
            self._reporter.remark("(the gateway did not confirm the end)")

    async def _call_off(self, client: RpcClient) -> None:
        """Nobody is to wait for a start that is still under way; a thread that was there may have another's call."""
        if self._asked_to_start and self._plan.thread_id is None and self._talk.closed is None:
            await client.call("thread/realtime/stop", self._of_thread())

    async def _tell_played(self, client: RpcClient, heard: tuple[str, int]) -> None:
        item_id, played_ms = heard
        await client.tell("thread/realtime/played", self._of_thread(itemId=item_id, playedMs=played_ms))

    def _of_thread(self, **params: object) -> JsonObject:
        return {"threadId": self._thread_id, **params}

    def _failed(self, code: str, message: str) -> str:
        self._reporter.event("error", {"code": code, "message": message})
        return code


def _plan(arguments: argparse.Namespace) -> Plan:
    """Checks all that can be checked before the talk; raises ``ConfigurationError``."""
    devices = _live(arguments)
    if not arguments.text and arguments.wav is None and devices is None:
        raise ConfigurationError("call: say something with --text, --wav or --live", setting="--text")
    if not all(text.strip() for text in arguments.text):
        raise ConfigurationError("--text: is empty: say something", setting="--text")
    if arguments.out is not None and arguments.modality == "text":
        raise ConfigurationError("--out: there is no audio to keep with --modality text", setting="--out")
    if arguments.out is not None:
        check_writable(arguments.out)
    return Plan(
        door=door_from(arguments),
        thread_id=arguments.thread,
        modality=arguments.modality,
        texts=tuple(arguments.text),
        recording=read_wav(arguments.wav) if arguments.wav is not None else None,
        out=arguments.out,
        timeout_s=arguments.timeout or (TIMEOUT_S if devices is None else None),
        device=SoundCard(devices, with_speaker=arguments.modality == "audio") if devices is not None else None,
    )


def _live(arguments: argparse.Namespace) -> Choice | None:
    """The devices of a live talk; None for any other."""
    if not arguments.live:
        if arguments.device is not None:
            raise ConfigurationError("--device: is for --live", setting="--device")
        return None
    if arguments.wav is not None:
        raise ConfigurationError("--live: cannot be had with --wav: one voice at a time", setting="--live")
    return choice(arguments.device) if arguments.device is not None else Choice()


def _list_devices(reporter: Reporter, *, as_json: bool) -> int:
    """A line for each device of the machine, for people or for programs."""
    found = devices()
    for device in found:
        if as_json:
            reporter.event("device", device)
        else:
            print(shown(device))
    if not found and not as_json:
        print("no sound device is found")
    return 0
