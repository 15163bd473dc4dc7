"""``voxgate threads``: what was said, from the store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

from realtime.commands.process import run_until_signal
from realtime.commands.settings import add_settings_flags, settings_from
from realtime.commands.store import PAGE, all_records, reading
from realtime.commands.usage import CommandParser, number_from_1
from realtime.protocol.appserver import Thread
from realtime.protocol.ids import parse_thread_id
from realtime.settings import Settings
from realtime.threads.digest import digest, title
from realtime.threads.export import export
from realtime.threads.fold import fold
from realtime.threads.sql import SqlThreadStore

FIRST_RECORDS = 20
"""How far into a thread to look for the words it began with."""
TITLE_WIDTH = 60


def parser() -> argparse.ArgumentParser:
    """What ``threads`` takes."""
    parser = CommandParser(prog="voxgate threads", description="List threads, or show one, from the store.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show")
    listing = actions.add_parser("list", help="threads, newest first: id, last change, records, how it began")
    listing.add_argument("--limit", type=number_from_1, default=50, metavar="N", help="how many (default: %(default)s)")
    listing.add_argument("--archived", action="store_true", help="those that were put away")
    listing.add_argument("--all", action="store_true", help="those too in which nothing was ever said or done")
    show = actions.add_parser("show", help="one thread, in spoken order")
    show.add_argument("id", metavar="ID", help="the thread's id")
    show.add_argument("--format", choices=("text", "jsonl", "vtt"), default="text", help="default: %(default)s")
    for action in (listing, show):
        add_settings_flags(action)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    settings = settings_from(arguments)
    if arguments.action == "list":
        return run_until_signal(lambda stop: _list(settings, arguments))
    return run_until_signal(lambda stop: _show(settings, arguments.id, arguments.format))


async def _list(settings: Settings, arguments: argparse.Namespace) -> int:
    limit: int = arguments.limit
    async with reading(settings) as store:
        shown = 0
        async with aclosing(_threads(store, archived=arguments.archived, with_empty=arguments.all)) as threads:
            async for thread in threads:
                if shown == limit:
                    print(f"There are more: --limit {2 * limit}", file=sys.stderr)
                    break
                print(await _line(store, thread))
                shown += 1
    return 0


async def _threads(store: SqlThreadStore, *, archived: bool, with_empty: bool) -> AsyncGenerator[Thread, None]:
    """Newest first. Every page that is opened makes a thread; those without a record tell nothing."""
    cursor: str | None = None
    while True:
        page = await store.threads(cursor=cursor, limit=PAGE, archived=archived)
        for thread in page.threads:
            if thread.seq or with_empty:
                yield thread
        if (cursor := page.next_cursor) is None:
            return


async def _show(settings: Settings, thread_id: str, form: str) -> int:
    async with reading(settings) as store:
        records = await all_records(store, parse_thread_id(thread_id))
    sys.stdout.write(export(fold(records), form))
    return 0


async def _line(store: SqlThreadStore, thread: Thread) -> str:
    began = title(digest(await store.records(thread.id, limit=FIRST_RECORDS)))
    words = "".join(letter if letter.isprintable() else " " for letter in thread.name or began or "")
    changed = datetime.fromtimestamp(thread.updated_at / 1000, tz=UTC).astimezone()
    return f"{thread.id}  {changed:%Y-%m-%d %H:%M}  {thread.seq:5}  {words[:TITLE_WIDTH]}".rstrip()
