"""The canary sings: a run that leaks the key in any way ends red, a clean one green."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.canary import Canary

ROOT = Path(__file__).resolve().parent.parent

LEAKS = """
import base64, json, logging, os, subprocess, sys, time
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web

async def serving(body, **headers):
    async def answer(_):
        return web.Response(body=body, headers=headers)
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession() as client:
        async with client.get(f"http://127.0.0.1:{runner.addresses[0][1]}/"):
            pass
    await runner.cleanup()

def seen(canary, part):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not any(part in sink for sink in canary.sightings):
        time.sleep(0.02)  # the sinks are read by threads that tell nobody

def test_output(canary_key):
    print(quote(canary_key, safe=""))

def test_error_output(canary_key):
    subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write(sys.stdin.read())"],
                   input=canary_key[len(canary_key) // 2:].encode())

def test_log(canary_key):
    logging.getLogger("x").warning("%s", base64.b64encode(b"x" + canary_key.encode()))

def test_failure(canary_key):
    raise RuntimeError(canary_key.encode().hex().upper())

def test_file(canary_key, tmp_path):
    (tmp_path / "big.db").write_bytes(b"x" * ((1 << 20) - 20) + base64.b64encode(b"xx" + canary_key.encode()))

def test_frame(canary, canary_key):
    canary.saw("a frame", json.dumps({"m": canary_key}).replace("/", "\\\\/"))

async def test_body(canary_key):
    await serving(("{'key': '" + canary_key + "'}").encode())

def test_command_line(canary, canary_key):
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", canary_key], stdin=subprocess.PIPE)
    seen(canary, "command line")
    child.communicate()

def test_environment(canary, tmp_path, gateway_env):
    script = tmp_path / "voxgate"
    script.write_text("import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; sys.stdin.read()'])")
    gateway = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, env=gateway_env)
    seen(canary, "environment")
    gateway.communicate()
"""

CLEAN = """
import logging

def test_nothing_leaks(canary, canary_key, tmp_path, gateway_env):
    print(canary_key[:9], gateway_env["VOXGATE_UPSTREAM__BASE_URL"])
    logging.getLogger("x").warning("sk-canary-")
    canary.may_hold(tmp_path / "key").write_text(canary_key)
    canary.saw("a frame", "sk-canary-0123456789")
    assert gateway_env["VOXGATE_UPSTREAM__API_KEY"] == canary_key
    assert "OPENAI_API_KEY" not in gateway_env
"""

NEEDS = """
import pytest

@pytest.mark.needs("no-such-tool")
def test_one(): ...

@pytest.mark.needs("sh", "no-such-tool", "nor-this")
def test_two(): ...

@pytest.mark.needs("sh")
def test_three(): ...

@pytest.mark.long
def test_four(): ...
"""


def run(folder: Path, source: str, **env: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text('pytest_plugins = ("tests.canary", "tests.needs")')
    (folder / "test_it.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\nmarkers =\n  needs\n  long\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", "--basetemp", str(folder / "tmp")]
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "VOXGATE_LONG"}}
    return subprocess.run(
        [*command, str(folder)],
        env={**kept, "PYTHONPATH": str(ROOT), **env},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_leak_is_named_and_fails_the_run(tmp_path: Path) -> None:
    result = run(tmp_path, LEAKS)
    summary = result.stdout.partition("THE UPSTREAM KEY WAS SEEN")[2]
    assert result.returncode == 1
    for expected in (
        ": Captured stdout call of test_it.py::test_output",
        "second half: Captured stderr call of test_it.py::test_error_output",
        "base64, shifted by 1: Captured log call of test_it.py::test_log",
        "hex: the error of test_it.py::test_failure",
        "base64, shifted by 2: the file ",
        ": a frame",
        "plain: what an HTTP or WebSocket client received",
        "the command line of python",
        "child of python",
    ):
        assert expected in summary, result.stdout


def test_one_leak_is_enough_though_all_tests_pass(tmp_path: Path) -> None:
    result = run(tmp_path, "def test_frame(canary, canary_key):\n    canary.saw('a frame', canary_key)")
    assert "1 passed" in result.stdout
    assert result.returncode == 1, result.stdout


def test_a_clean_run_stays_green_and_is_shielded_from_the_developers_settings(tmp_path: Path) -> None:
    result = run(tmp_path, CLEAN, OPENAI_API_KEY="sk-the-developers-own", VOXGATE_SERVER__PORT="1")
    assert result.returncode == 0, result.stdout


def test_each_form_is_found_in_the_middle_of_other_text() -> None:
    canary = Canary()
    for name, form in canary.forms.items():
        canary.saw(name, b"before " + form + b" after")
    assert canary.sightings.keys() == canary.forms.keys()
    assert all(len(form) > 8 for form in canary.forms.values())


def test_a_missing_tool_is_reported_by_name_and_the_run_stays_green(tmp_path: Path) -> None:
    result = run(tmp_path, NEEDS)
    assert result.returncode == 0
    assert "1 passed, 3 skipped" in result.stdout
    assert "NOT RUN: test_it.py (1 tests): needs no-such-tool\n" in result.stdout
    assert "NOT RUN: test_it.py (1 tests): needs no-such-tool, nor-this\n" in result.stdout


def test_a_missing_tool_fails_a_run_of_the_integration(tmp_path: Path) -> None:
    result = run(tmp_path, NEEDS, CI="true")
    assert result.returncode == 1
    assert "1 passed, 1 skipped, 2 errors" in result.stdout


def test_the_long_matrix_runs_when_asked_for(tmp_path: Path) -> None:
    result = run(tmp_path, NEEDS, VOXGATE_LONG="1")
    assert "2 passed, 2 skipped" in result.stdout
