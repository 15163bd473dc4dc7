"""The mock's log: every event of every connection, a JSON line each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from realtime.errors import ConfigurationError
from realtime.mock.mcp import event_without_secrets
from realtime.protocol import json


class Journal:
    """Lines ``{t, conn, dir, event}``, each in the file before ``write`` returns. Without a path: nowhere.

    Raises ``ConfigurationError`` when the file cannot be opened.
    """

    def __init__(self, path: Path | None) -> None:
        try:
            self._file = path.open("a", encoding="utf-8") if path is not None else None
        except OSError as error:
            raise ConfigurationError(f"--log: cannot write to {path}: {error.strerror}", setting="--log") from None

    def close(self) -> None:
        """No more comes."""
        if self._file is not None:
            self._file.close()

    def write(self, conn: str, direction: Literal["client", "server"], text: str) -> None:
        """Note a frame that arrived (``client``) or is about to be sent (``server``); no JSON goes in as a string.

        What opens MCP servers is left out.
        """
        if self._file is None:
            return
        try:
            event: object = event_without_secrets(json.decode_object(text))
        except ValueError:
            event = text
        line = {"t": time.time(), "conn": conn, "dir": direction, "event": event}
        self._file.write(json.encode(line) + "\n")
        self._file.flush()
