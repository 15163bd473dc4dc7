"""The tables of the thread store, alike for SQLite and PostgreSQL.

``records.open`` marks what was begun and not completed, so that start-up finds it without reading the logs.
"""

from __future__ import annotations

import orjson
from sqlalchemy import BigInteger, Boolean, Column, Dialect, ForeignKey, Index, MetaData, Table, Text, text
from sqlalchemy.types import TypeDecorator

from realtime.protocol import json


class Quoted(TypeDecorator[str]):
    """Text as a JSON string.

    PostgreSQL refuses U+0000 in text and SQLite does not; quoted, any text comes back from both as it went in.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else json.encode(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        text: str = orjson.loads(value)
        return text


metadata = MetaData()

threads = Table(
    "threads",
    metadata,
    Column("id", Quoted, primary_key=True),
    Column("epoch", Quoted, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("name", Quoted, nullable=True),
    Column("archived", Boolean, nullable=False),
)
Index("threads_by_age", threads.c.archived, threads.c.created_at, threads.c.id)

records = Table(
    "records",
    metadata,
    Column("thread_id", Quoted, ForeignKey("threads.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("method", Text, nullable=False),
    Column("key", Quoted, nullable=False),
    Column("body", Text, nullable=False),
    Column("open", Boolean, nullable=False),
)
Index(
    "records_open",
    records.c.thread_id,
    records.c.key,
    # As the queries write it: SQLite takes a partial index only for the very same words.
    sqlite_where=text("open = 1"),
    postgresql_where=text("open"),
)

memories = Table(
    "memories",
    metadata,
    Column("thread_id", Quoted, ForeignKey("threads.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Quoted, primary_key=True),
    Column("value", Quoted, nullable=False),
    Column("position", BigInteger, nullable=False),
)
