"""Scripts that drive published clients, each a process of its own that prints what it saw."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PATIENCE_S = 90.0


@dataclass(frozen=True, slots=True)
class Program:
    """``command`` runs a script; ``stamp`` is there once its packages are installed."""

    command: Sequence[str]
    stamp: Path

    def missing(self) -> str | None:
        """What cannot be had here, in words; None when all is there."""
        if shutil.which(self.command[0]) is None:
            return self.command[0]
        return None if self.stamp.exists() else f"{self.stamp.parent.name} (tests/clients/install.sh)"

    async def run(self, script: str, *arguments: str) -> Any:
        """What the script printed on its last line, from JSON; fails with its log when it fails or takes too long."""
        return await run([*self.command, str(HERE / script), *arguments])


NODE = Program(["node"], HERE / "node_modules" / ".stamp")
PYTHON = Program([str(ROOT / ".venv-clients" / "bin" / "python")], ROOT / ".venv-clients" / ".stamp")


def codex_binary() -> Path | None:
    """The binary that npm's package brings for this machine."""
    found = HERE.glob("node_modules/@openai/codex-*/vendor/*/bin/codex")
    return next(iter(found), None)


async def run(command: Sequence[str]) -> Any:
    """What the command printed on its last line, from JSON; its environment holds no keys and no addresses."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONDONTWRITEBYTECODE": "1"}
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=PIPE, stderr=PIPE)
    out, err = await output_of(process, PATIENCE_S)
    assert process.returncode == 0, err.decode(errors="replace")[-4000:]
    return json.loads(out.splitlines()[-1])


async def output_of(process: Process, within_s: float) -> tuple[bytes, bytes]:
    """What a process printed until its end; one that takes longer is killed."""
    try:
        async with asyncio.timeout(within_s):
            return await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
