"""Blocks of data, fed to what reads them."""

from __future__ import annotations

import json
from pathlib import Path

from realtime.configuration import load
from realtime.mock.faults import Faults
from realtime.protocol.appserver import InitializeParams
from realtime.protocol.jsonrpc import parse
from realtime.server.methods import METHODS
from realtime.server.validation import parse_params
from tests.documents.place import Place


def check_settings(text: str, path: Path) -> None:
    """The settings load, and every one that is written differs from silence: it is known by that name."""
    path.write_text(text)
    load(config=path)


def check_json(text: str, kind: str, place: Place) -> None:
    """Each line, or the whole, is one of that kind."""
    if kind == "fault":
        Faults().add(json.loads(text))
        return
    for line in text.splitlines():
        request = parse(place.here(line))
        assert request is not None
        model = InitializeParams if request.method == "initialize" else METHODS[request.method].params
        parse_params(model, request.params)
