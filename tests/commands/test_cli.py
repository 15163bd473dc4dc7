"""The command line: help, one-line errors, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.cli import COMMANDS, main


def run(*argv: str) -> int:
    try:
        return main(argv)
    except SystemExit as left:
        return int(left.code or 0)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert all(f"  {name} " in text for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "--help") == 0
    assert f"voxgate {command}" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("voxgate ")


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (("serve", "--port", "99999"), "server.port"),
        (("serve", "--host", "0.0.0.0"), "server.auth_tokens_file"),
        (("serve", "--upstream", "ftp://x"), "upstream.base_url"),
        (("serve", "--agent", "nobody"), "agent.spec"),
        (("serve", "--config", "none.toml"), "--config"),
        (("mock", "--port", "99999"), "--port"),
        (("mock", "--script", "none.yaml"), "--script"),
        (("mock", "--scenario", "none"), "--scenario"),
        (("call",), "--text"),
        (("call", "--wav", "none.wav"), "--wav"),
        (("call", "--text", "x", "--url", "gopher://x"), "--url"),
        (("call", "--text", "x", "--out", "no/such/folder.wav"), "--out"),
        (("call", "--text", "x", "--token-file", "none"), "--token-file"),
        (("doctor", "--config", "none.toml"), "--config"),
        (("migrate", "--config", "none.toml"), "--config"),
        (("threads", "list", "--config", "none.toml"), "--config"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    argv: tuple[str, ...], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert named in lines[0]


@pytest.mark.parametrize(
    "argv", [(), ("levitate",), ("serve", "--port", "x"), ("call", "--modality", "smell"), ("threads",)]
)
def test_wrong_usage_ends_with_2(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*argv) == 2
    assert "usage:" in capsys.readouterr().err


def test_a_misspelt_setting_is_named(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "voxgate.toml").write_text("[server]\nprot = 1\n")
    assert run("doctor") == 2
    assert "server.prot" in capsys.readouterr().err


def test_a_gateway_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str], free_port: int) -> None:
    assert run("call", "--text", "x", "--url", f"ws://127.0.0.1:{free_port}") == 1
    assert "connection refused" in capsys.readouterr().out


def test_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("mock", "--list-scenarios") == 0
    assert "late-transcription" in capsys.readouterr().out


# -- the store ---------------------------------------------------------------------------------------------------


def test_reading_makes_no_store(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("threads", "list") == 1
    assert "there is no store" in capsys.readouterr().err
    assert list(elsewhere.iterdir()) == []


def test_a_thread_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("migrate") == 0
    assert run("threads", "list") == 0
    assert run("threads", "show", "00000000-0000-7000-8000-000000000000") == 1
    assert run("threads", "show", "nonsense") == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


# -- the doctor ----------------------------------------------------------------------------------------------------


def test_a_healthy_folder_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", name] for name in ("configuration", "agent", "store", "upstream", "packages", "media")
    ]


def test_a_doctor_makes_no_store(elsewhere: Path) -> None:
    assert run("doctor") == 0
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "environment", "wrong"),
    [
        ('[server]\nhost = "0.0.0.0"\n', {}, "configuration"),
        ('[agent]\nspec = "no.such:agent"\n', {}, "agent"),
        ('[store]\nurl = "sqlite:///voxgate.toml"\n', {}, "store"),
        ('[upstream]\nbase_url = "http://127.0.0.1:$PORT/v1"\n', {}, "upstream"),
        ('[upstream]\nbase_url = "http://127.0.0.1:$PORT/v1"\n', {"OPENAI_API_KEY": "sk-secret"}, "upstream"),
        ('[upstream]\napi_key_file = "none"\n', {}, "upstream"),
    ],
)
def test_the_doctor_names_what_is_wrong_and_what_to_do(
    elsewhere: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    free_port: int,
    config: str,
    environment: dict[str, str],
    wrong: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (elsewhere / "voxgate.toml").write_text(config.replace("$PORT", str(free_port)))
    assert run("doctor") == 1
    text = capsys.readouterr().out
    lines = text.splitlines()
    found = next(number for number, line in enumerate(lines) if line.startswith("WRONG") and wrong in line)
    assert "->" in lines[found + 1]
    assert "sk-secret" not in text


def test_a_stranger_in_our_packages_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = {"realtime": ["voxgate"], "transports": ["voxgate", "stranger"], "prompts": ["voxgate"]}
    monkeypatch.setattr("realtime.commands.doctor.packages_distributions", lambda: owners)
    assert run("doctor") == 1
    assert "transports is also installed by stranger" in capsys.readouterr().out
