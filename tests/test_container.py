"""The image: what its file says, and that its own steps, as a plain user, end in a gateway that talks."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.canary import Canary
from tests.image import Image, Step, find_python, read_steps
from tests.needs import not_run

ROOT = Path(__file__).resolve().parent.parent
STEPS = read_steps(ROOT / "docker" / "Dockerfile")
LAST_STAGE = max(step.stage for step in STEPS)
SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)", re.IGNORECASE)


def last(keyword: str) -> Step:
    return [step for step in STEPS if step.stage == LAST_STAGE and step.keyword == keyword][-1]


def health_command() -> list[str]:
    words: list[str] = json.loads(last("HEALTHCHECK").value.partition("CMD ")[2])
    return words


# -- what the files say --------------------------------------------------------------------


def test_the_image_runs_as_a_plain_user_without_a_shell_between() -> None:
    keywords = [step.keyword for step in STEPS if step.stage == LAST_STAGE]
    assert last("USER").value not in {"root", "0"}
    assert f"useradd --system --uid 10001 --home-dir /data --create-home {last('USER').value}" == last_run("useradd")
    assert "RUN" not in keywords[keywords.index("USER") :]
    assert json.loads(last("ENTRYPOINT").value) == ["voxgate"]
    assert json.loads(last("CMD").value) == ["serve"]


def last_run(beginning: str) -> str:
    return next(step.value for step in STEPS if step.keyword == "RUN" and step.value.startswith(beginning))


def test_only_the_wheel_and_locked_requirements_are_installed() -> None:
    stage = [step for step in STEPS if step.stage == LAST_STAGE]
    assert [step.value for step in stage if step.keyword == "COPY"] == [
        "requirements.lock /opt/",
        "--from=build /dist /opt/dist",
    ]
    installs = [step.value for step in STEPS if "pip install" in step.value]
    assert all("--require-hashes" in line or "--no-deps --no-index" in line for line in installs)
    assert {step.value.split()[0] for step in STEPS if step.keyword == "FROM"} == {"python:3.11-slim-bookworm"}


def test_no_layer_and_no_default_holds_a_secret() -> None:
    for step in STEPS:
        if step.keyword in {"ENV", "ARG", "RUN"}:
            assert not SECRET.search(step.value), step
    compose = (ROOT / "docker" / "compose.yaml").read_text()
    for service in yaml.safe_load(compose)["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not SECRET.search(name) or value.startswith("/run/secrets/")


def test_what_is_copied_is_let_into_the_build() -> None:
    allowed = set((ROOT / "docker" / "Dockerfile.dockerignore").read_text().split())
    for step in STEPS:
        if step.keyword == "COPY" and "--from" not in step.value:
            for name in step.words()[:-1]:
                assert f"!{name}" in allowed
                assert (ROOT / name).exists()
    assert "*" in allowed


def test_compose_runs_a_gateway_before_a_mock_with_few_rights() -> None:
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"gateway", "mock"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert (ROOT / "docker" / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    port = services["mock"]["command"][services["mock"]["command"].index("--port") + 1]
    assert services["gateway"]["environment"]["VOXGATE_UPSTREAM__BASE_URL"] == f"http://mock:{port}/v1"
    assert all(published.startswith("127.0.0.1:") for published in services["gateway"]["ports"])


# -- the steps themselves ------------------------------------------------------------------


@pytest.fixture(scope="module")
def image(request: pytest.FixtureRequest, canary: Canary) -> Iterator[Image]:
    python = find_python()
    if python is None:
        not_run(request.node, "a Python that a plain user can run")
    root = Path(tempfile.mkdtemp(prefix="voxgate-image-"))
    root.chmod(0o755)
    try:
        image = Image(root, ROOT)
        image.prepare(python)
        image.build(STEPS)
        yield image
        canary.look_at_files(root / "data")
    finally:
        shutil.rmtree(root)


@contextmanager
def gateway(image: Image, **env: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The image's start command; yields the process and its address, and ends it with SIGTERM."""
    command = image.command([*last("ENTRYPOINT").words(), *last("CMD").words()])
    with subprocess.Popen(
        command, env=image.env(**env), cwd=image.workdir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://(127\.0\.0\.1:\d+)", line)
            assert found, line + (process.communicate()[1] if process.poll() is not None else "")
            yield process, found[1]
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


def run(image: Image, words: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        image.command(words),
        env=image.env(**env),
        cwd=image.workdir,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_the_command_is_there(image: Image) -> None:
    result = run(image, ["voxgate", "--help"])
    assert result.returncode == 0, result.stderr
    assert "serve" in result.stdout


def test_it_holds_no_sources_and_no_tests(image: Image) -> None:
    [packages] = image.root.glob("opt/voxgate/lib/python3.*/site-packages")
    assert {path.name for path in packages.iterdir()} >= {"realtime", "transports", "prompts"}
    assert not (packages / "tests").exists()
    assert not list(packages.glob("pytest*"))


def test_it_refuses_to_be_open_to_others_without_tokens(image: Image) -> None:
    result = run(image, ["voxgate", "serve"])
    assert result.returncode == 2
    assert "server.auth_tokens_file" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_it_serves_a_talk_and_leaves_in_order(image: Image, canary: Canary) -> None:
    with gateway(image, VOXGATE_SERVER__HOST="127.0.0.1", VOXGATE_SERVER__PORT="0") as (process, address):
        port = address.rpartition(":")[2]
        assert run(image, health_command(), VOXGATE_SERVER__PORT=port).returncode == 0
        talk = ["voxgate", "call", "--url", f"ws://{address}", "--text", "what time is it? ask the agent", "--json"]
        result = run(image, talk)
        canary.saw("the talk's output", result.stdout + result.stderr)
        assert result.returncode == 0, result.stderr
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert {"user", "handoff", "assistant"} <= {line["type"] for line in lines}
        assert lines[-1]["type"] == "end"
        assert lines[-1]["ok"] is True
        since = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
        assert time.monotonic() - since < 10
    assert run(image, health_command(), VOXGATE_SERVER__PORT=port).returncode != 0
