"""A store of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from realtime.threads.sql import SqlThreadStore, migrate
from tests.contracts.cluster import Cluster, private_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with private_cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgres"))])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/voxgate.db"
    running: Cluster = request.getfixturevalue("cluster")
    return running.empty_database()


@pytest.fixture
def postgresql_url(cluster: Cluster) -> str:
    """The address of an empty PostgreSQL store; the test is marked ``needs("postgres")``."""
    return cluster.empty_database()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[SqlThreadStore]:
    await migrate(store_url)
    opened = SqlThreadStore(store_url)
    await opened.open()
    yield opened
    await opened.close()
