"""What the wheel holds, who owns its three plain names, and what the locks say."""

from __future__ import annotations

import configparser
import email
import re
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest

from tests.wheel import PACKAGES, ROOT, build_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel"))) as archive:
        yield archive


def _dist_info(wheel: zipfile.ZipFile, name: str) -> str:
    [path] = [path for path in wheel.namelist() if re.fullmatch(rf"voxgate-[^/]+\.dist-info/{name}", path)]
    return wheel.read(path).decode()


def test_its_top_level_names_are_exactly_the_three(wheel: zipfile.ZipFile) -> None:
    names = {path.split("/")[0] for path in wheel.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == set(PACKAGES)


def test_it_holds_every_file_of_the_three_folders(wheel: zipfile.ZipFile) -> None:
    """A folder that is missing in the package list, or data that no pattern covers, shows here."""
    in_tree = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    in_wheel = {path for path in wheel.namelist() if path.split("/")[0] in PACKAGES}
    assert in_wheel == in_tree


def test_it_holds_the_prompts_and_the_marks_of_typed_packages(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert {f"{package}/py.typed" for package in PACKAGES} <= names
    assert {"prompts/core.md", "prompts/background_agent.md", "prompts/remain_silent.md"} <= names


def test_its_metadata_names_the_command_the_licence_and_the_python(wheel: zipfile.ZipFile) -> None:
    scripts = configparser.ConfigParser()
    scripts.read_string(_dist_info(wheel, "entry_points.txt"))
    assert dict(scripts["console_scripts"]) == {"voxgate": "realtime.cli:main"}
    assert dict(scripts["pytest11"]) == {"voxgate": "realtime.mock.pytest_plugin"}
    metadata = email.message_from_string(_dist_info(wheel, "METADATA"))
    assert (metadata["Name"], metadata["Requires-Python"]) == ("voxgate", ">=3.11")
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in _dist_info(wheel, "licenses/LICENSE")
    assert "Silero" in _dist_info(wheel, "licenses/NOTICE.md")


def test_it_holds_the_network_of_the_voice_detection_and_its_licence(wheel: zipfile.ZipFile) -> None:
    assert len(wheel.read("realtime/mock/speech/silero_vad_16k.onnx")) > 1_000_000
    assert wheel.read("realtime/mock/speech/silero_vad.LICENSE").decode().startswith("MIT License")


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_owns_one_of_the_names(package: str) -> None:
    assert set(packages_distributions()[package]) == {"voxgate"}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-build.lock"])
def test_a_lock_pins_and_hashes_everything_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE).strip())
    assert len(entries) >= 3
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;]+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]
    assert "://" not in text
    assert "--index-url" not in text


def test_the_runtime_lock_covers_the_declared_requirements_and_all_locks_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = {_normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", _lock("requirements.lock"), re.MULTILINE)}
    declared = {_normal(re.split(r"[\[><=~!; ]", requirement)[0]) for requirement in project["dependencies"]}
    assert declared <= locked
    everything = _pins("requirements-dev.lock")
    assert _pins("requirements.lock") <= everything
    assert _pins("requirements-build.lock") <= everything


def _pins(lock: str) -> set[str]:
    return set(re.findall(r"^([A-Za-z0-9._-]+==\S+)", _lock(lock), re.MULTILINE))


def _lock(name: str) -> str:
    return (ROOT / name).read_text()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
