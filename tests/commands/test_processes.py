"""The commands as processes: what they print, how they end, what they leave."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from realtime.protocol import json
from realtime.protocol.appserver import Item, item_completed
from realtime.protocol.ids import ItemId
from realtime.protocol.json import JsonObject
from realtime.threads.sql import SqlThreadStore
from tests.commands.running import TALK_S, address, finished, first_line, started, stopped
from tests.commands.sounds import wav
from tests.server.raw import UPGRADE
from tests.threads.drafts import new_thread


async def test_a_talk_needs_no_key_and_stands_in_the_thread(tmp_path: Path) -> None:
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        ready = await first_line(gateway)
        assert ready.startswith("Voxgate is ready: http://127.0.0.1:")
        assert "no key needed" in ready
        assert "; ears: " in ready
        assert "; mouth: " in ready
        status, out, err = await finished(
            tmp_path, "call", "--url", address(ready), "--text", "what time is it? ask the agent", "--json"
        )
        assert (status, err) == (0, "")
        lines = [json.decode_object(line) for line in out.splitlines()]
        check_lines(lines)
        status, shown, _ = await finished(tmp_path, "threads", "show", lines[-1]["threadId"])
        assert status == 0
        said = [line["text"] for line in lines if line["type"] in ("user", "assistant")]
        assert [shown.index(text) for text in said] == sorted(shown.index(text) for text in said)
        status, out, err = await stopped(gateway, signal.SIGTERM)
        assert (status, out, err) == (0, "", "")


def check_lines(lines: list[JsonObject]) -> None:
    assert all(earlier["t"] <= later["t"] for earlier, later in pairwise(lines))
    kinds = [line["type"] for line in lines]
    assert (kinds[0], kinds[1], kinds[-2], kinds[-1]) == ("started", "user", "assistant", "end")
    states = [line["state"] for line in lines if line["type"] == "handoff"]
    assert (states[0], states[-1]) == ("started", "finished")
    end = lines[-1]
    assert (end["ok"], end["reason"], end["out"]) == (True, "completed", None)
    assert end["audioMs"] > 0
    assert end["firstAudioMs"] >= 0


async def test_text_modality_brings_no_audio(tmp_path: Path) -> None:
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        status, out, _ = await finished(
            tmp_path, "call", "--url", url, "--text", "hello", "--text", "thanks", "--modality", "text", "--json"
        )
    lines = [json.decode_object(line) for line in out.splitlines()]
    assert status == 0
    assert [line["type"] for line in lines] == ["started", "user", "assistant", "user", "assistant", "end"]
    assert (lines[-1]["audioMs"], lines[-1]["firstAudioMs"]) == (0, None)


async def test_the_embedded_voice_speaks_of_a_timer_when_it_begins_and_when_it_ends(tmp_path: Path) -> None:
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        words = "set a timer for 1 second"
        _, out, _ = await finished(tmp_path, "call", "--url", url, "--text", words, "--modality", "text", "--json")
    lines = [json.decode_object(line) for line in out.splitlines()]
    assert [line["text"] for line in lines if line["type"] == "assistant"] == [
        "Your timer for 1 second is running.",
        "Time is up: your timer for 1 second has ended.",
    ]


async def test_a_thread_is_taken_up_again(tmp_path: Path) -> None:
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        ids: list[str] = []
        for text in ("hello", "hello again"):
            thread = ("--thread", ids[0]) if ids else ()
            _, out, _ = await finished(
                tmp_path, "call", "--url", url, "--text", text, "--modality", "text", "--json", *thread
            )
            ids.append(json.decode_object(out.splitlines()[-1])["threadId"])
        assert ids[0] == ids[1]
        status, out, _ = await finished(tmp_path, "call", "--url", url, "--text", "x", "--json", "--thread", "nonsense")
        assert status == 1
        lines = [json.decode_object(line) for line in out.splitlines()]
        assert [line["type"] for line in lines] == ["error", "end"]
        assert lines[0]["code"] == "invalid_params"


async def test_a_call_ends_at_its_timeout_and_by_a_signal(tmp_path: Path) -> None:
    silent = wav(tmp_path / "in.wav", samples=16_000 * 8)
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        status, out, _ = await finished(
            tmp_path, "call", "--url", url, "--wav", str(silent), "--json", "--timeout", "0.5"
        )
        assert json.decode_object(out.splitlines()[-1])["reason"] == "timeout"
        assert status in (0, 1)
        async with started(tmp_path, "call", "--url", url, "--wav", str(silent), "--json") as call:
            await first_line(call)
            _, out, err = await stopped(call, signal.SIGINT)
            assert json.decode_object(out.splitlines()[-1])["reason"] == "interrupted"
            assert err == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_talk_that_a_signal_cut_short_is_no_success(tmp_path: Path, number: signal.Signals) -> None:
    """Not even when an answer had come: whoever counts on the status would take half a talk for a whole one."""
    long = wav(tmp_path / "in.wav", samples=16_000 * 20)
    talk = ("call", "--text", "hello", "--wav", str(long), "--json")
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        async with started(tmp_path, *talk, "--url", url) as call:
            while json.decode_object(await first_line(call))["type"] != "assistant":
                pass
            status, out, _ = await stopped(call, number)
    end = json.decode_object(out.splitlines()[-1])
    assert (status, end["type"], end["ok"], end["reason"]) == (1, "end", False, "interrupted")


async def test_a_thread_with_a_live_call_is_taken_over(tmp_path: Path) -> None:
    """The older call's end is not taken for the end of the one that replaces it, and the older caller leaves."""
    long = wav(tmp_path / "in.wav", samples=16_000 * 120, fill=bytes(256))
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        async with started(tmp_path, "call", "--url", url, "--wav", str(long), "--json") as older:
            thread_id = json.decode_object(await first_line(older))["threadId"]
            talk = ("--thread", thread_id, "--text", "hello", "--modality", "text", "--json")
            status, out, _ = await finished(tmp_path, "call", "--url", url, *talk)
            lines = [json.decode_object(line) for line in out.splitlines()]
            assert [line["type"] for line in lines] == ["started", "user", "assistant", "end"]
            assert (status, lines[-1]["reason"]) == (0, "completed")
            async with asyncio.timeout(TALK_S):
                out_older, _ = await older.communicate()
            assert json.decode_object(out_older.decode().splitlines()[-1])["reason"] == "requested"


async def test_a_start_that_fails_ends_the_call_and_names_the_upstream(tmp_path: Path, free_port: int) -> None:
    upstream = f"http://127.0.0.1:{free_port}/v1"
    no_retry = {"VOXGATE_UPSTREAM__RETRIES": "0"}
    async with started(tmp_path, "serve", "--port", "0", "--upstream", upstream, **no_retry) as gateway:
        ready = await first_line(gateway)
        assert f"(upstream 127.0.0.1:{free_port}, model gpt-realtime-1.5, voice marin, " in ready
        url = address(ready)
        status, out, _ = await finished(tmp_path, "call", "--url", url, "--text", "hello", "--json")
    error, end = (json.decode_object(line) for line in out.splitlines())
    assert (error["type"], error["code"]) == ("error", "upstream_refused")
    assert error["message"] == "the gateway's upstream, the voice model: connection refused"
    assert (status, end["ok"], end["reason"]) == (1, False, "error")


async def test_the_operator_s_log_says_why_a_call_failed(tmp_path: Path, free_port: int) -> None:
    upstream = f"http://127.0.0.1:{free_port}/v1"
    no_retry = {"VOXGATE_UPSTREAM__RETRIES": "0"}
    async with started(tmp_path, "serve", "--port", "0", "--upstream", upstream, **no_retry) as gateway:
        url = address(await first_line(gateway))
        await finished(tmp_path, "call", "--url", url, "--text", "hello", "--json")
        _, _, log = await stopped(gateway, signal.SIGTERM)
    assert "error 'upstream_refused': 'connection refused'" in log


async def test_a_silent_recording_is_said_to_be_silent(tmp_path: Path) -> None:
    silent = wav(tmp_path / "in.wav", fill=bytes(256))
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        status, out, _ = await finished(tmp_path, "call", "--url", url, "--wav", str(silent), "--json")
    lines = [json.decode_object(line) for line in out.splitlines()]
    assert [line["type"] for line in lines] == ["started", "error", "end"]
    assert (lines[1]["code"], "it is silent" in lines[1]["message"]) == ("nothing_heard", True)
    assert (status, lines[2]["reason"]) == (1, "nothing_heard")


async def test_a_closed_door_says_what_opens_it(tmp_path: Path) -> None:
    for name in ("tokens", "wrong"):
        (tmp_path / name).write_text(f"{name}-of-this-test\n")
    async with started(tmp_path, "serve", "--port", "0", VOXGATE_SERVER__AUTH_TOKENS_FILE="tokens") as gateway:
        url = address(await first_line(gateway))
        for more, code, told in (
            ((), "unauthorized", "--token-file"),
            (("--token-file", "wrong"), "unauthorized", "does not know the token"),
            (("--token-file", "tokens", "--url", f"{url}/v1/nothing"), "connect_failed", "/v1/rpc"),
        ):
            status, out, _ = await finished(tmp_path, "call", "--url", url, "--text", "x", "--json", *more)
            error, end = (json.decode_object(line) for line in out.splitlines())
            assert (status, error["code"], end["reason"]) == (1, code, code)
            assert told in error["message"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_one_gateway_a_folder(tmp_path: Path, number: signal.Signals) -> None:
    async with started(tmp_path, "serve", "--port", "0") as first:
        await first_line(first)
        status, out, err = await finished(tmp_path, "serve", "--port", "0")
        assert (status, out, len(err.splitlines())) == (2, "", 1)
        assert "data: another voxgate serves from data" in err
        for reader in (("threads", "list"), ("doctor",), ("migrate",)):
            assert (await finished(tmp_path, *reader))[0] == 0
        await stopped(first, number)
        async with started(tmp_path, "serve", "--port", "0") as second:
            assert "ready" in await first_line(second)
            async with started(tmp_path, "serve", "--port", "0", "--data", "other") as third:
                assert "ready" in await first_line(third)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_mock_runs_alone_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    async with started(tmp_path, "mock", "--port", "0", "--log", "mock.jsonl") as mock:
        ready = await first_line(mock)
        assert "/v1" in ready
        address(ready)
        assert await stopped(mock, number) == (0, "", "")


async def test_a_mock_on_a_taken_port_is_a_one_line_error(tmp_path: Path) -> None:
    async with started(tmp_path, "mock", "--port", "0") as mock:
        port = address(await first_line(mock)).rpartition(":")[2]
        status, out, err = await finished(tmp_path, "mock", "--port", port)
        assert (status, out, len(err.splitlines())) == (2, "", 1)
        assert port in err


async def test_a_recognition_model_that_cannot_be_used_ends_serve_with_one_line(tmp_path: Path) -> None:
    settings = {"VOXGATE_SPEECH__ENGINES": "auto", "VOXGATE_SPEECH__RECOGNITION_MODEL": "not-there"}
    async with started(tmp_path, "serve", "--port", "0", **settings) as serve, asyncio.timeout(TALK_S):
        out, err = await serve.communicate()
        told = err.decode()
        assert (serve.returncode, out, len(told.splitlines())) == (2, b"", 1)
        assert f"speech.recognition_model: {tmp_path / 'not-there'}: there is no such folder" in told


async def test_leaving_with_nobody_there_is_quick(tmp_path: Path) -> None:
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        await first_line(gateway)
        begun = asyncio.get_running_loop().time()
        assert await stopped(gateway, signal.SIGINT) == (0, "", "")
        assert asyncio.get_running_loop().time() - begun < 10


async def test_a_second_signal_does_not_wait_for_anybody(tmp_path: Path) -> None:
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        port = url.rpartition(":")[2]
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        lines = ("GET / HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{name}: {value}" for name, value in UPGRADE))
        writer.write("\r\n".join([*lines, "", ""]).encode())
        async with asyncio.timeout(TALK_S):
            await reader.readuntil(b"\r\n\r\n")
            gateway.send_signal(signal.SIGTERM)
            assert (await reader.readexactly(1))[0] == 0x88  # it is leaving, and waits for our answer to its close
        assert (await stopped(gateway, signal.SIGTERM))[0] == 128 + signal.SIGTERM
        writer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["serve", "mock"])
async def test_a_command_that_is_still_starting_ends_without_a_trace(
    tmp_path: Path, command: str, number: signal.Signals
) -> None:
    async with started(tmp_path, command, "--port", "0", PYTHONPROFILEIMPORTTIME="1") as process:
        assert process.stderr is not None
        async with asyncio.timeout(20):
            while b"asyncio.events" not in (line := await process.stderr.readline()):
                assert line
        status, _, err = await stopped(process, number)
    assert status == 0
    assert "Traceback" not in err


async def shell(folder: Path, line: str, out: int = asyncio.subprocess.PIPE) -> tuple[int | None, str, str]:
    """A line of the shell in which ``$V`` is the command."""
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        line,
        cwd=folder,
        env=os.environ | {"V": f"{sys.executable} -m realtime", "PYTHONUNBUFFERED": ""},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(TALK_S):
        said, err = await process.communicate()
    return process.returncode, (said or b"").decode(), err.decode()


@pytest.fixture
async def stored(tmp_path: Path) -> str:
    """The id of a thread with a line in letters of several scripts."""
    store = SqlThreadStore(f"sqlite:///{tmp_path / 'voxgate.db'}")
    await store.open()
    thread = new_thread()
    await store.create(thread)
    item = Item(ItemId("u"), "userMessage", "grüße 日本", role="user", created_at=1)
    await store.append(thread.id, [item_completed(item)])
    await store.close()
    return thread.id


async def test_letters_that_the_terminal_has_not_are_replaced(tmp_path: Path, stored: str) -> None:
    status, out, err = await shell(tmp_path, f"PYTHONIOENCODING=ascii $V threads show {stored} --data .")
    assert (status, out, err) == (0, "user: gr??e ??\n", "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
async def test_a_stream_may_be_closed(tmp_path: Path, stored: str, closed: str) -> None:
    status, out, err = await shell(tmp_path, f"$V threads show {stored} --data . {closed}")
    assert (status, err) == (0, "")
    assert out == ("" if ">&-" in closed.split() else "user: grüße 日本\n")


async def test_a_full_disk_is_said_in_one_line(tmp_path: Path, stored: str) -> None:
    status, _, err = await shell(tmp_path, f"$V threads show {stored} --data . >/dev/full")
    assert (status, err) == (1, "voxgate: the output cannot be written: No space left on device\n")


async def test_a_reader_that_has_left_is_no_error_to_tell_of(tmp_path: Path, stored: str) -> None:
    reader, pipe = os.pipe()
    os.close(reader)
    status, _, err = await shell(tmp_path, f"$V threads show {stored} --data .", pipe)
    os.close(pipe)
    assert (status, err) == (1, "")


async def test_an_answer_that_cannot_be_kept_is_no_success(tmp_path: Path) -> None:
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        url = address(await first_line(gateway))
        status, out, err = await finished(
            tmp_path, "call", "--url", url, "--text", "hello", "--out", "/dev/full", "--json"
        )
    lines = [json.decode_object(line) for line in out.splitlines()]
    assert (status, err) == (1, "")
    assert (lines[-2]["code"], lines[-2]["message"]) == ("not_kept", "--out: /dev/full: No space left on device")
    assert (lines[-1]["ok"], lines[-1]["out"]) == (False, None)


@pytest.mark.parametrize("modality", ["audio", "text"])
async def test_an_answer_that_the_timeout_cuts_short_is_shown_as_far_as_it_came(tmp_path: Path, modality: str) -> None:
    talk = ("--text", "please count to twenty slowly", "--timeout", "2", "--modality", modality, "--json")
    async with started(tmp_path, "serve", "--port", "0") as gateway:
        status, out, _ = await finished(tmp_path, "call", "--url", address(await first_line(gateway)), *talk)
    lines = [json.decode_object(line) for line in out.splitlines()]
    assert [line["type"] for line in lines] == ["started", "user", "assistant", "end"]
    assert lines[2]["status"] == "interrupted"
    assert lines[2]["text"].startswith("One, two")
    assert "twenty" not in lines[2]["text"]
    assert (status, lines[3]["ok"], lines[3]["reason"]) == (0, True, "timeout")


async def test_threads_without_a_record_are_listed_only_when_asked_for(tmp_path: Path, stored: str) -> None:
    store = SqlThreadStore(f"sqlite:///{tmp_path / 'voxgate.db'}")
    await store.open()
    empty = [new_thread() for _ in range(3)]
    for thread in empty:
        await store.create(thread)
    await store.close()
    listing = ("threads", "list", "--data", ".")
    _, out, err = await finished(tmp_path, *listing, "--limit", "1")
    assert ([line.split()[0] for line in out.splitlines()], err) == ([stored], "")
    _, out, err = await finished(tmp_path, *listing, "--all", "--limit", "3")
    assert [line.split()[0] for line in out.splitlines()] == [thread.id for thread in reversed(empty)]
    assert err == "There are more: --limit 6\n"
