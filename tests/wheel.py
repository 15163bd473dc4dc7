"""Builds the project's wheel from a copy of its sources, so that nothing is left in the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("realtime", "transports", "prompts")
_SOURCES = (*PACKAGES, "pyproject.toml", "README.md", "LICENSE", "NOTICE.md")


def build_wheel(folder: Path) -> Path:
    """Copy the sources into ``folder``, build there with what is installed here, return the wheel."""
    for name in _SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder / "dist"),
        str(folder),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel
