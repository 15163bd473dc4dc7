"""The page and its parts: static files of the package, nothing from anywhere else."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from aiohttp import web

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def page(name: str) -> web.Response:
    """A file of the page; raises ``HTTPNotFound``."""
    suffix = PurePosixPath(name).suffix
    text = _text(name) if suffix in _TYPES and name == PurePosixPath(name).name else None
    if text is None:
        raise web.HTTPNotFound
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache", "Referrer-Policy": "no-referrer"}
    return web.Response(text=text, content_type=_TYPES[suffix], charset="utf-8", headers=headers)


async def asset(request: web.Request) -> web.Response:
    """Style and scripts."""
    return page(request.match_info["name"])


@cache
def _text(name: str) -> str | None:
    file = files("realtime.server.console").joinpath(name)
    return file.read_text(encoding="utf-8") if file.is_file() else None
