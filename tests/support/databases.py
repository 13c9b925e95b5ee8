"""Fixtures: the three kinds of database with the same table; PostgreSQL is started here, where it is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

TICKETS = [
    (1, "invoice is wrong", "twice billed", "billing", 3, b"\x00\x01"),
    (2, "cannot log in", "after 100% of tries", "access", 5, None),
    (3, "refund", None, "billing", None, None),
    (4, "password lost", "café 日本", "access", 1, None),
    (5, "card was charged", "it's :odd", "billing", 2, None),
    (6, "locked out", "again\nand again", "access", 4, None),
]
COLUMNS = ("id", "subject", "body", "queue", "stars", "attachment")
PASSWORD = "pq:9/x@ü%z"  # all that makes a URL hard


def fill(connection, binary):
    """Make the table by a driver's own connection; `binary` is the name of its type for bytes."""
    cursor = connection.cursor()
    cursor.execute(
        f"CREATE TABLE tickets (id INTEGER PRIMARY KEY, subject VARCHAR, body VARCHAR, queue VARCHAR, stars INTEGER, "
        f"attachment {binary})"
    )
    mark = "%s" if type(connection).__module__.startswith("psycopg") else "?"
    cursor.executemany(f"INSERT INTO tickets VALUES ({', '.join([mark] * len(COLUMNS))})", TICKETS)
    connection.commit()


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that runs: the parts of its URL."""

    port: int
    user: str = "reader"
    password: str = PASSWORD
    database: str = "support"

    @property
    def url(self):
        """What stands in the environment, with the password."""
        return f"postgresql://{self.user}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{self.database}"


@pytest.fixture(scope="session")
def postgresql():
    """Start a PostgreSQL in a temporary folder, as another user where the tests run as root."""
    programs = {name: _program(name) for name in ("initdb", "pg_ctl")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        pytest.skip(f"PostgreSQL is not installed: no {' and no '.join(missing)}")
    folder = Path(tempfile.mkdtemp(prefix="clsfw-pg-"))
    try:
        with _running(folder, programs) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder, programs):
    import psycopg

    account = _account()
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    who = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    (folder / "password").chmod(0o644)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        server = Server(free.getsockname()[1])
    data = str(folder / "data")

    def call(program, *arguments):
        command = [programs[program], "-D", data, *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, **who)
        assert 0 == done.returncode, done.stdout + done.stderr

    secret = ("--auth=scram-sha-256", f"--pwfile={folder / 'password'}")
    call("initdb", "-U", server.user, "-E", "UTF8", "--locale=C", "--no-sync", *secret)
    options = f"-p {server.port} -c listen_addresses=127.0.0.1 -k '{folder}' -c fsync=off"
    call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        made = {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": PASSWORD}
        with psycopg.connect(**made, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {server.database}")
        with closing(psycopg.connect(**made, dbname=server.database)) as connection:
            fill(connection, "BYTEA")
        yield server
    finally:
        call("pg_ctl", "-m", "immediate", "stop")


def _program(name):
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *folders]))


def _account():
    """Return the user that a server may run as; None: the one that runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    account = known.get("postgres") or known.get("nobody")
    if account is None:
        pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody' here")
    return account


@pytest.fixture
def sqlite(tmp_path):
    """Give the path of a SQLite file."""
    with closing(sqlite3.connect(tmp_path / "tickets.db")) as connection:
        fill(connection, "BLOB")
    return tmp_path / "tickets.db"


@pytest.fixture
def duckdb(tmp_path):
    """Give the path of a DuckDB file."""
    module = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    with closing(module.connect(tmp_path / "tickets.duckdb")) as connection:
        fill(connection, "BLOB")
    return tmp_path / "tickets.duckdb"


@pytest.fixture(params=["sqlite", "duckdb", "postgresql"])
def database(request, monkeypatch):
    """Give the settings that name each kind of database in turn."""
    place = request.getfixturevalue(request.param)
    if isinstance(place, Server):
        monkeypatch.setenv("TICKETS_URL", place.url)
        return {"url_env": "TICKETS_URL"}
    return {"url": f"{request.param}:///{place}"}
