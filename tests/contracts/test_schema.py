"""The schema: its steps make the tables that the code uses, once, and nobody opens another one's."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Text, text

from realtime.errors import StoreError
from realtime.threads import schema
from realtime.threads.database import Database
from realtime.threads.migrations import steps
from realtime.threads.sql import SqlThreadStore, migrate


async def test_the_steps_make_the_tables_that_the_code_uses(store: SqlThreadStore) -> None:
    def differences(connection: Connection) -> object:
        plain = MetaData()
        for table in schema.metadata.tables.values():
            copied = table.to_metadata(plain)
            for column in copied.columns:
                if isinstance(column.type, schema.Quoted):
                    column.type = Text()
        return compare_metadata(MigrationContext.configure(connection), plain)

    assert await store._database.write(differences) == []


async def test_migrating_twice_changes_nothing(store_url: str) -> None:
    await migrate(store_url)
    await migrate(store_url)
    store = SqlThreadStore(store_url)
    await store.open()
    await store.ping()
    await store.close()


async def test_a_newer_store_is_not_opened(store_url: str) -> None:
    await migrate(store_url)
    await change(store_url, "UPDATE alembic_version SET version_num = '9999'")
    store = SqlThreadStore(store_url)
    with pytest.raises(StoreError, match="newer version"):
        await store.open()
    with pytest.raises(StoreError, match="newer version"):
        await migrate(store_url)
    await store.close()


async def test_an_older_store_is_brought_up_to_date_or_refused(store_url: str) -> None:
    store = SqlThreadStore(store_url)
    if store_url.startswith("sqlite"):
        await store.open()
        await store.ping()
    else:
        with pytest.raises(StoreError, match="voxgate migrate"):
            await store.open()
    await store.close()


async def test_a_migration_that_is_cut_off_leaves_nothing(store_url: str) -> None:
    def cut_off(connection: Connection) -> None:
        steps.upgrade(connection)
        raise StoreError("cut off")

    database = Database(store_url, timeout_s=5)
    with pytest.raises(StoreError, match="cut off"):
        await database.open(cut_off)
    await database.close()
    await migrate(store_url)
    store = SqlThreadStore(store_url)
    await store.open()
    assert (await store.threads()).threads == []
    await store.close()


async def change(store_url: str, statement: str) -> None:
    database = Database(store_url, timeout_s=5)

    def work(connection: Connection) -> None:
        connection.execute(text(statement))

    await database.open(work)
    await database.close()
