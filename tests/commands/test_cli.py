"""The command line: help, one-line errors, exit codes."""

from __future__ import annotations

import socket
import sqlite3
from pathlib import Path

import pytest

from realtime.cli import COMMANDS, main
from realtime.server.guard import OPEN_PATHS
from tests.mock.speech.tiny_models import ctc
from transports.opus import CodecUnavailable


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
        (("serve", "--port", "99999"), "--port: must be from 0 to 65535, not 99999; see `voxgate serve --help`"),
        (("serve", "--host", "0.0.0.0"), "server.auth_tokens_file"),
        (("serve", "--upstream", "ftp://x"), "upstream.base_url"),
        (("serve", "--agent", "nobody"), "agent.spec"),
        (("serve", "--config", "none.toml"), "--config"),
        (("serve", "--config", "key.toml"), "upstream.api_key_file: cannot be read: No such file or directory: key"),
        (("serve", "--config", "noise.toml"), "upstream.api_key_file: cannot be read: not UTF-8 text: noise"),
        (("serve", "--config", "blank.toml"), "upstream.api_key_file: holds no key: blank"),
        (("serve", "--config", "tokens.toml"), "server.auth_tokens_file: cannot be read: No such file or directory: t"),
        (("serve", "--config", "voice.toml"), "session.voice: 'bob' is no voice of realtime v2 (upstream.version), wh"),
        (("mock", "--port", "99999"), "--port: must be from 0 to 65535, not 99999; see `voxgate mock --help`"),
        (("mock", "--script", "none.yaml"), "--script"),
        (("mock", "--scenario", "none"), "--scenario"),
        (("mock", "--scenario", "late-transcripton"), "did you mean late-transcription"),
        (("mock", "--replay", "none.jsonl"), "--replay: no such file"),
        (("mock", "--replay", "."), "--replay: is a folder"),
        (("mock", "--replay", "garbage"), "--replay"),
        (("mock", "--replay", "garbage", "--record", "http://127.0.0.1/v1"), "--replay"),
        (("mock", "--record", "http://127.0.0.1/v1"), "--record: needs --log"),
        (("mock", "--record", "ftp://127.0.0.1/v1", "--log", "log"), "--record"),
        (("mock", "--record", "http://127.0.0.1:x/v1", "--log", "log"), "--record"),
        (("call",), "--text"),
        (("call", "--text", " "), "--text"),
        (("call", "--text", "hello", "--text", ""), "--text"),
        (("call", "--text", "hello", "--modality", "text", "--out", "out.wav"), "--out"),
        (("call", "--wav", "none.wav"), "--wav"),
        (("call", "--text", "x", "--url", "gopher://x"), "--url"),
        (("call", "--text", "x", "--out", "no/such/folder.wav"), "--out"),
        (("call", "--text", "x", "--token-file", "none"), "--token-file"),
        (("doctor", "--config", "none.toml"), "--config"),
        (("migrate", "--config", "none.toml"), "--config"),
        (("threads", "list", "--config", "none.toml"), "--config"),
        (("serve", "--data", "garbage"), "data"),
        (("migrate", "--data", "garbage"), "data"),
        (("threads", "list"), "data: there is no store"),
        (("threads", "list", "--data", "garbage"), "data: there is no store"),
        # what the arguments' parser finds
        ((), "which command? One of serve, "),
        (("levitate",), "no such command: levitate"),
        (("severe",), "did you mean serve?"),
        (("serve", "--port", "x"), "--port: must be a whole number"),
        (("serve", "--prot", "1"), "--prot"),
        (("mock", "--port", "x"), "--port: must be a whole number"),
        (("call", "--modality", "smell"), "--modality"),
        (("call", "--text", "x", "--timeout", "soon"), "--timeout: must be a number of seconds"),
        (("call", "--text", "x", "--timeout", "0"), "--timeout: must be above 0"),
        (("tail",), "THREAD is missing"),
        (("tail", "x", "--after", "-1"), "--after"),
        (("tail", "x", "--url", "gopher://x"), "--url"),
        (("threads",), "list|show is missing"),
        (("threads", "show"), "ID is missing"),
        (("threads", "list", "--limit", "0"), "--limit: must be 1 or more"),
        (("threads", "list", "--limit", "many"), "--limit: must be a whole number"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    argv: tuple[str, ...], named: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "garbage").write_text("no recording, no folder and no store\n")
    (elsewhere / "noise").write_bytes(b"\xff\xfe")
    (elsewhere / "blank").write_text("\n")
    for name in ("key", "noise", "blank"):
        (elsewhere / f"{name}.toml").write_text(f'[server]\nport = 0\n[upstream]\napi_key_file = "{name}"\n')
    (elsewhere / "tokens.toml").write_text('[server]\nport = 0\nauth_tokens_file = "tokens"\n')
    (elsewhere / "voice.toml").write_text('[server]\nport = 0\n[session]\nvoice = "bob"\n')
    assert run(*argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1
    assert named in lines[0]


@pytest.mark.parametrize(
    ("config", "environment", "told"),
    [
        ("[server]\nprot = 1\n", {}, "server.prot: there is no such setting; did you mean server.port?"),
        ("port = 1\n", {}, "port: there is no such setting; did you mean server.port?"),
        ("[sever]\nport = 1\n", {}, "sever: there is no such setting; did you mean server?"),
        ("[zzz]\nport = 1\n", {}, "zzz: there is no such setting"),
        ("server = 1\n", {}, "server: must be a section, [server], with settings in it"),
        ("[server]\nport = 'x'\n", {}, "server.port: must be a whole number"),
        ("[server]\nport = 99999\n", {}, "server.port: must be at most 65535"),
        ("[server]\nallowed_origins = 'x'\n", {}, "server.allowed_origins: must be a list"),
        ("[upstream]\nversion = 'v3'\n", {}, "upstream.version: must be 'v1' or 'v2'"),
        ("[upstream]\nbase_url = 'ftp://x'\n", {}, "upstream.base_url: must be an http or https address"),
        ("[upstream]\napi_key = 7\n", {}, "upstream.api_key: must be a text"),
        ("[limits]\nresponse_s = 0\n", {}, "limits.response_s: must be above 0"),
        ("[server\n", {}, "voxgate.toml: not TOML"),
        ("", {"VOXGATE_SERVER__PROT": "1"}, "server.prot: there is no such setting; did you mean server.port?"),
        ("", {"VOXGATE_SEVER__PORT": "1"}, "there is no section sever; did you mean VOXGATE_SERVER__PORT?"),
        ("", {"VOXGATE_SERVER": "[1"}, "VOXGATE_SERVER…: lists are given as JSON"),
        ("", {"OPENAI_BASE_URL": "ftp://x"}, "OPENAI_BASE_URL: must be an http or https address"),
    ],
)
def test_a_wrong_setting_is_told_in_plain_words(
    elsewhere: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    environment: dict[str, str],
    told: str,
) -> None:
    (elsewhere / "voxgate.toml").write_text(config)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run("migrate") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("voxgate: ")
    assert told in lines[0]
    assert run("doctor") == 1
    table = capsys.readouterr().out.splitlines()
    assert table[0].startswith("WRONG  configuration  ")
    assert told in table[0]
    assert table[1].strip().startswith("-> mend ")
    states = {line[7:].split("  ")[0]: line.split()[0] for line in table[2:]}
    assert [states[name] for name in ("agent", "store", "upstream", "speech")] == ["skip"] * 4
    assert [states[name] for name in ("packages", "media", "live sound")] == ["ok"] * 3


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("VOXGATE_PORT", "VOXGATE_PORT: there is no such setting; did you mean VOXGATE_SERVER__PORT?"),
        ("VOXGATE_SERVER_PORT", "VOXGATE_SERVER_PORT: there is no such setting; did you mean VOXGATE_SERVER__PORT?"),
        ("VOXGATE_ZZZ", "VOXGATE_ZZZ: there is no such setting"),
    ],
)
def test_a_variable_that_names_no_setting_is_told_and_stops_nothing(
    variable: str, told: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(variable, "1")
    assert run("doctor") == 0
    assert told in caplog.messages


def test_variables_that_are_not_the_operator_s_are_let_pass(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Kubernetes tells of a service that is called voxgate by variables of its own."""
    for name, value in (
        ("VOXGATE_SERVICE_HOST", "10.0.0.1"),
        ("VOXGATE_SERVICE_PORT", "8080"),
        ("VOXGATE_PORT", "tcp://10.0.0.1:8080"),
        ("VOXGATE_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("VOXGATE_DATA", "elsewhere"),
        ("VOXGATE_LONG", "1"),
    ):
        monkeypatch.setenv(name, value)
    assert run("doctor") == 0
    assert caplog.messages == []


def test_an_upstream_that_is_not_there_cannot_be_recorded(capsys: pytest.CaptureFixture[str], free_port: int) -> None:
    assert run("mock", "--port", "0", "--record", f"http://127.0.0.1:{free_port}/v1", "--log", "log") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert f"--record: 127.0.0.1 port {free_port} is not reached" in lines[0]


def test_a_gateway_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str], free_port: int) -> None:
    assert run("call", "--text", "x", "--url", f"ws://127.0.0.1:{free_port}") == 1
    assert "connection refused" in capsys.readouterr().out


def test_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("mock", "--list-scenarios") == 0
    assert "late-transcription" in capsys.readouterr().out


def test_the_operators_guide_names_the_paths_that_stay_open() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    assert all(f"`{path}`" in guide for path in OPEN_PATHS)


# -- the store ---------------------------------------------------------------------------------------------------


def test_reading_makes_no_store(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("threads", "list") == 2
    assert "there is no store" in capsys.readouterr().err
    assert list(elsewhere.iterdir()) == []


def test_a_thread_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("migrate") == 0
    assert run("threads", "list") == 0
    assert run("threads", "show", "00000000-0000-7000-8000-000000000000") == 1
    assert run("threads", "show", "nonsense") == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("migrate",), ("threads", "list")])
def test_a_store_that_cannot_be_opened_names_its_setting(
    command: tuple[str, ...], elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for data, settings, named in (("broken", "", "data: "), (".", "[store]\nurl = 'sqlite:///x.db'\n", "store.url: ")):
        (elsewhere / "voxgate.toml").write_text(settings)
        (elsewhere / data).mkdir(exist_ok=True)
        for file in (elsewhere / data / "voxgate.db", elsewhere / "x.db"):
            file.write_bytes(b"this is no database" * 100)
        assert run(*command, "--data", data) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith(f"voxgate: {named}the store's file is damaged, or is no SQLite database")


# -- the doctor ----------------------------------------------------------------------------------------------------


def test_a_healthy_folder_is_healthy(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("doctor") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["ok", name] for name in ("configuration", "agent", "store", "upstream", "packages", "media", "speech", "live")
    ]


def test_a_doctor_makes_no_store(elsewhere: Path) -> None:
    assert run("doctor") == 0
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "environment", "wrong"),
    [
        ('[server]\nhost = "0.0.0.0"\n', {}, "configuration"),
        ('[agent]\nspec = "no.such:agent"\n', {}, "agent"),
        ('[server]\nhost = "192.0.2.1"\nauth_tokens_file = "voxgate.toml"\n', {}, "configuration"),
        ('[store]\nurl = "sqlite:///voxgate.toml"\n', {}, "store"),
        ('[store]\nurl = "sqlite:///voxgate.toml/x/y.db"\n', {}, "store"),
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


@pytest.mark.parametrize(("setting", "name"), [("upstream", "api_key_file"), ("server", "auth_tokens_file")])
def test_a_file_that_cannot_be_read_is_told_once_with_its_path(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], setting: str, name: str
) -> None:
    (elsewhere / "voxgate.toml").write_text(f'[{setting}]\n{name} = "no/file"\n')
    assert run("doctor") == 1
    lines = capsys.readouterr().out.splitlines()
    told = f"{setting}.{name}: cannot be read: No such file or directory: no/file"
    assert [line for line in lines if line.startswith("WRONG")] == [f"WRONG  configuration  {told}"]
    assert lines[1].strip().startswith("-> see that this file is there")


def test_a_damaged_store_is_to_be_moved_aside(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = elsewhere / "data" / "voxgate.db"
    file.parent.mkdir()
    file.write_bytes(b"this is no database" * 100)
    assert run("doctor") == 1
    lines = capsys.readouterr().out.splitlines()
    wrong = next(number for number, line in enumerate(lines) if line.startswith("WRONG"))
    assert "is damaged" in lines[wrong]
    assert "data/voxgate.db" in lines[wrong]
    assert "move it aside" in lines[wrong + 1]
    assert "backup" in lines[wrong + 1]


@pytest.mark.parametrize(("voice", "version", "status"), [("cove", "v1", 0), ("cove", "v2", 1), ("marin", "v2", 0)])
def test_a_voice_must_be_one_of_the_version_s(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], voice: str, version: str, status: int
) -> None:
    (elsewhere / "voxgate.toml").write_text(
        f'[session]\nvoice = "{voice}"\n[upstream]\nversion = "{version}"\nbase_url = "embedded"\n'
    )
    assert run("doctor") == status
    told = f"session.voice: '{voice}' is no voice of realtime {version} (upstream.version), which has alloy, "
    assert (told in capsys.readouterr().out) is (status == 1)


@pytest.mark.parametrize(("command", "setting"), [("serve", "server.port"), ("mock", "--port")])
def test_a_port_on_which_somebody_listens_is_refused_once_and_with_a_way_out(
    command: str, setting: str, capsys: pytest.CaptureFixture[str], free_port: int
) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        assert run(command, "--port", str(free_port)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    whose = {"serve": "voxgate", "mock": "mock"}[command]
    assert line == (
        f"voxgate: {setting}: somebody listens on 127.0.0.1 port {free_port} already, perhaps another {whose}: "
        "stop that, or choose another port with --port (0: any free one)"
    )


def test_the_doctor_changes_no_store(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = elsewhere / "data" / "voxgate.db"
    file.parent.mkdir()
    file.touch()
    assert run("doctor") == 0
    assert "the next `voxgate serve` brings its schema up to date" in capsys.readouterr().out
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    assert run("migrate") == 0
    assert run("doctor") == 0
    assert "its schema is up to date" in capsys.readouterr().out


def test_a_taken_port_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    """It is no fault: the gateway itself may listen there."""
    monkeypatch.setenv("VOXGATE_SERVER__PORT", str(free_port))
    with socket.create_server(("127.0.0.1", free_port)):
        assert run("doctor") == 0
    assert f"port {free_port}: somebody listens there now" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["transports.webrtc", "socket"])
def test_media_that_cannot_be_had_is_told(
    missing: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        if missing == "socket":
            raise PermissionError(1, "Operation not permitted")
        raise ImportError("no aiortc")

    class NoUdp(socket.socket):
        def bind(self, address: object) -> None:
            if self.type is socket.SOCK_DGRAM:
                refuse()
            super().bind(address)  # type: ignore[arg-type]

    if missing == "socket":
        monkeypatch.setattr("realtime.commands.doctor.socket.socket", NoUdp)
    else:
        monkeypatch.setattr("realtime.commands.doctor.import_module", refuse)
    assert run("doctor") == 1
    told = {"socket": "no UDP port can be bound: Operation not permitted", "transports.webrtc": "WebRTC cannot be had"}
    assert told[missing] in capsys.readouterr().out


def test_a_codec_that_cannot_be_had_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise CodecUnavailable("libopus was found nowhere")

    monkeypatch.setattr("transports.opus._library", refuse)
    assert run("doctor") == 1
    told = capsys.readouterr().out
    assert "WRONG media WebRTC has no codec: libopus was found nowhere" in " ".join(told.split())
    assert "libopus0" in told


@pytest.mark.parametrize("there", [True, False])
def test_speech_engines_are_told_and_are_no_duty(
    there: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("find_spec", "find_library", "which"):
        monkeypatch.setattr(f"realtime.commands.doctor.{name}", lambda _: "there" if there else None)
    assert run("doctor") == 0
    told = "engines there: onnxruntime, " if there else "engines there: none; not there: onnxruntime, "
    text = capsys.readouterr().out
    assert told in text
    assert ("voxgate[speech]" in text) is not there


def test_a_recognition_model_of_ones_own_is_loaded_by_the_doctor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("VOXGATE_SPEECH__RECOGNITION_MODEL", "mine")
    assert run("doctor") == 1
    text = capsys.readouterr().out
    assert f"WRONG  speech         speech.recognition_model: {folder}: no model that is known" in text
    assert "-> set speech.recognition_model right" in text
    ctc(folder, "zipformer2_ctc")
    assert run("doctor") == 0
    assert "words by sherpa-onnx with mine" in capsys.readouterr().out


def test_a_stranger_in_our_packages_is_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = {"realtime": ["voxgate"], "transports": ["voxgate", "stranger"], "prompts": ["voxgate"]}
    monkeypatch.setattr("realtime.commands.doctor.packages_distributions", lambda: owners)
    assert run("doctor") == 1
    assert "transports is also installed by stranger" in capsys.readouterr().out
