"""A private PostgreSQL cluster on a Unix socket, for as long as a test run lasts."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from tests.needs import find_tool


class Cluster:
    """A server with one database."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs

    def empty_database(self) -> str:
        """The address of the database, which holds nothing any more; nobody may be using it."""
        self._sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        return f"postgresql://postgres@/postgres?host={quote(str(self._folder))}"

    def start(self) -> None:
        """Start the server; no port is opened, and nothing is worth a flush in a test."""
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
        self._control("start", "--log", str(self._folder / "log"), "--options", options)

    def stop(self) -> None:
        """Stop it as a crash would, without a word to its clients."""
        self._control("stop", "--mode", "immediate")

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs, as an unprivileged user: the server refuses root."""
        user = _unprivileged()
        subprocess.run(
            [self._programs / program, *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            group=None if user is None else pwd.getpwnam(user).pw_gid,
            extra_groups=None if user is None else [],
            cwd=self._folder,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            timeout=60,
        )

    def _sql(self, statement: str) -> None:
        where = ("--host", str(self._folder), "--username", "postgres")
        self.run("psql", *where, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--command", statement)

    def _control(self, *arguments: str) -> None:
        self.run("pg_ctl", "--silent", "--wait", "--pgdata", str(self._folder / "data"), *arguments)


@contextmanager
def private_cluster() -> Iterator[Cluster]:
    """A running cluster, removed afterwards."""
    server = find_tool("postgres")
    assert server is not None
    folder = Path(tempfile.mkdtemp(prefix="voxgate-pg-"))
    user = _unprivileged()
    if user is not None:
        shutil.chown(folder, user)
    cluster = Cluster(folder, server.resolve().parent)
    try:
        cluster.run(
            "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", str(folder / "data")
        )
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)


def _unprivileged() -> str | None:
    """Whom to run as: None for who we are."""
    return "nobody" if os.geteuid() == 0 else None
