"""What an ONNX file says of itself, read without its weights.

A file is one ``ModelProto`` (onnx.proto): the graph is stepped over, only field 14, ``metadata_props``, is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from os import SEEK_CUR, SEEK_END
from pathlib import Path
from typing import BinaryIO

_PROPERTY = 14
_NAME, _VALUE = 1, 2
_LENGTH = 2
"""The wire type of what has a length (protobuf's encoding)."""
_MOST = 1024 * 1024
"""Longer texts are stepped over: vocabularies that some exporters put there."""


def properties(path: Path) -> dict[str, str]:
    """The model's own properties by name; raises ``ValueError`` for no ONNX file, ``OSError`` as reading does."""
    with path.open("rb") as file:
        found = (dict(_fields(BytesIO(entry))) for number, entry in _fields(file) if number == _PROPERTY)
        return {_text(entry.get(_NAME, b"")): _text(entry.get(_VALUE, b"")) for entry in found}


def _fields(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields that have a length and are short enough; the others are stepped over."""
    start = source.tell()
    size = source.seek(0, SEEK_END)
    source.seek(start)
    while source.tell() < size:
        tag = _varint(source)
        number, kind = tag >> 3, tag & 7
        length = _length(source, kind)
        if source.tell() + length > size or not number:
            raise ValueError("no ONNX file, or not the whole of one")
        if kind == _LENGTH and length <= _MOST:
            yield number, source.read(length)
        else:
            source.seek(length, SEEK_CUR)


def _length(source: BinaryIO, kind: int) -> int:
    """How many bytes the field's content has."""
    match kind:
        case 0:  # a varint, which is over once it is read
            _varint(source)
            return 0
        case 2:
            return _varint(source)
        case 1:
            return 8
        case 5:
            return 4
        case _:
            raise ValueError("no ONNX file")


def _varint(source: BinaryIO) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = source.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise ValueError("no ONNX file, or not the whole of one")


def _text(content: bytes) -> str:
    return content.decode(errors="replace")
