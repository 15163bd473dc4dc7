"""Schema steps: which there are, which a database has, and taking the missing ones.

A step is told what to operate on: Alembic's own ``op`` is one for the whole process, and stores may be opened at once.
"""

from __future__ import annotations

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from realtime.errors import StoreError

BEHIND = "the store's schema is behind this version of voxgate: run `voxgate migrate`"
AHEAD = "the store was made by a newer version of voxgate: run that version, or another store"
_ADVISORY_LOCK = 0x766F7867


def upgrade(connection: Connection) -> None:
    """Take all missing steps in the transaction that is open; raises ``StoreError`` for a newer schema."""
    if connection.dialect.name == "postgresql":
        # Two nodes may start at once; SQLite's transaction is exclusive already.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    context = MigrationContext.configure(connection)
    script = _script()
    for step in reversed(list(script.iterate_revisions(script.get_current_head(), _current(context, script)))):
        step.module.upgrade(Operations(context))
        context.stamp(script, step.revision)


def require_current(connection: Connection) -> None:
    """Raises ``StoreError`` unless the schema is the one this code knows."""
    script = _script()
    if _current(MigrationContext.configure(connection), script) != script.get_current_head():
        raise StoreError(BEHIND)


def _current(context: MigrationContext, script: ScriptDirectory) -> str | None:
    revision = context.get_current_revision()
    if revision is None:
        return None
    try:
        script.get_revision(revision)
    except CommandError:
        raise StoreError(AHEAD) from None
    return revision


def _script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", "realtime.threads:migrations")
    return ScriptDirectory.from_config(config)
