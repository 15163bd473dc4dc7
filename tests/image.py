"""Carries out a Dockerfile's own steps in a clean folder, where no container engine runs.

The folders that the file names (``/opt``, ``/data``, …) are placed below the clean folder; everything runs as a
plain user, with an environment that holds what the file sets and how to reach the package registries.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NOBODY = 65534
_FOLDERS = re.compile(r"(?<![\w.-])/(src|build|dist|opt|data)(?![\w-])")
_REGISTRY_NAMES = ("PIP_", "SSL_CERT_", "REQUESTS_CA_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PROBE = "import sys, venv, ensurepip, ssl, sqlite3; assert sys.version_info >= (3, 11); print(sys.executable)"


@dataclass(frozen=True)
class Step:
    """One instruction; ``stage`` counts the FROM lines before it, from 0."""

    stage: int
    keyword: str
    value: str

    def words(self) -> list[str]:
        """The value of an exec form, or a shell form split."""
        return json.loads(self.value) if self.value.startswith("[") else shlex.split(self.value)


def read_steps(dockerfile: Path) -> list[Step]:
    """All instructions, continuation lines joined."""
    return list(_steps(dockerfile.read_text()))


def _steps(text: str) -> Iterator[Step]:
    stage = -1
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines():
        keyword, _, value = line.strip().partition(" ")
        if keyword:
            stage += keyword == "FROM"
            yield Step(stage, keyword, value.strip())


def as_plain_user(command: Sequence[str]) -> list[str]:
    """The command, run by nobody when we are root."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]


def find_python() -> Path | None:
    """A Python that a plain user can run, able to make a virtual environment."""
    minors = range(11, 20)
    known = [Path(folder, f"python3.{minor}") for folder in ("/usr/local/bin", "/usr/bin") for minor in minors]
    for candidate in (*known, Path(sys.base_prefix, "bin", "python3")):
        if candidate.exists():
            probe = as_plain_user([str(candidate), "-I", "-c", _PROBE])
            if subprocess.run(probe, capture_output=True, check=False, cwd="/").returncode == 0:
                return candidate
    return None


@dataclass
class Image:
    """The result of the steps: a folder, an environment and a working folder."""

    root: Path
    context: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: Path = field(init=False)
    user: str | None = None

    def __post_init__(self) -> None:
        self.workdir = self.root

    def prepare(self, python: Path) -> None:
        """An empty folder with a ``python`` on its path."""
        (self.root / "bin").mkdir()
        (self.root / "home").mkdir()
        command = self.root / "bin" / "python"
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} "$@"\n')
        command.chmod(0o755)
        passed = {name: value for name, value in os.environ.items() if name.upper().startswith(_REGISTRY_NAMES)}
        path = f"{self.root}/bin:/usr/bin:/bin"
        self.environment = {**passed, "PATH": path, "HOME": str(self.root / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
        for folder in (self.root, *self.root.iterdir()):
            self._give_away(folder)

    def build(self, steps: Sequence[Step]) -> None:
        """Carry out what changes the image; the base image's accounts are the machine's."""
        for step in steps:
            if step.keyword == "FROM":
                self.workdir = self.root
            elif step.keyword == "WORKDIR":
                self.workdir = self._make(self.place(step.value))
            elif step.keyword == "COPY":
                self._copy(step.words())
            elif step.keyword == "RUN" and not step.value.startswith("useradd "):
                self._run(step.value)
            elif step.keyword == "USER":
                self.user = step.value
            elif step.keyword == "ENV":
                self.environment |= dict(word.split("=", 1) for word in shlex.split(self.place_text(step.value)))

    def command(self, words: Sequence[str]) -> list[str]:
        """A command of the image, found on the image's own path, as a plain user."""
        found = shutil.which(words[0], path=self.environment["PATH"])
        assert found is not None, words[0]
        return as_plain_user([found, *words[1:]])

    def env(self, **changes: str) -> Mapping[str, str]:
        """The image's environment with changes, as ``docker run --env`` makes them."""
        return {**self.environment, **changes}

    def place(self, path: str) -> Path:
        """Where a path of the image lies."""
        return Path(self.place_text(path)) if path.startswith("/") else self.workdir / path

    def place_text(self, text: str) -> str:
        """The same for all paths in a text."""
        return _FOLDERS.sub(lambda match: f"{self.root}/{match[1]}", text)

    def _run(self, line: str) -> None:
        command = as_plain_user(["sh", "-ec", self.place_text(line)])
        done = subprocess.run(
            command, env=self.environment, cwd=self.workdir, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"RUN {line}\n{done.stdout}{done.stderr}"

    def _copy(self, words: list[str]) -> None:
        from_stage = words[0].startswith("--from=")
        *sources, target = words[1:] if from_stage else words
        for name in sources:
            source = self.place(name) if from_stage else self.context / name
            place = self.place(target)
            if source.is_dir():
                shutil.copytree(source, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place = self._make(place) / source.name if target.endswith("/") else place
                shutil.copy(source, place)
            self._give_away(place)
            for inner in place.rglob("*"):
                self._give_away(inner)

    def _make(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        self._give_away(folder)
        return folder

    @staticmethod
    def _give_away(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
