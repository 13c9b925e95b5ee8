"""Opens a database for reading only, and says in one line, without secrets, what it or its driver refuses."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from sqlalchemy import URL, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from clsfw import DataError, HostError, NetworkError
from clsfw.kit import check_file
from clsfw_sql import path_or_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from clsfw_sql import SqlSettings

_EXAMPLE = "postgresql://user:password@host:5432/name"
_SECONDS = 5
BATCH = 1000
"""The rows that are held in memory at once."""
_LONGEST = 300
_LOST = ("08", "57")  # the classes of PostgreSQL's codes for a connection that is gone and for a server that stops
_DRIVERS = {"psycopg": '"psycopg[binary]"', "psycopg2": "psycopg2-binary", "duckdb_engine": "duckdb-engine"}


class Database:
    """A database that settings name; `name` stands for it in messages, `kind` in the record of a run."""

    def __init__(self, settings: SqlSettings) -> None:
        variable = settings.url_env
        given = settings.url or os.environ.get(variable or "", "")
        if not given:
            raise HostError(
                f"the environment variable {variable} is not set; put the URL of the database into it, such as "
                f"{_EXAMPLE}"
            )
        where = "url" if variable is None else f"the environment variable {variable}"
        self._secrets: list[str] = []
        self._open: Callable[[], Engine]
        if variable is not None and "://" not in given and not Path(given).expanduser().exists():
            raise HostError(f"{where}: holds neither a URL such as {_EXAMPLE} nor the path of a file that is there")
        try:
            place = str(path_or_server(given))
        except ValueError as exc:
            raise HostError(f"{where}: {exc}") from None
        if "://" in place:
            self._server(place, where)
        else:
            self._file(Path(place).expanduser().absolute())

    def _file(self, path: Path) -> None:
        here = Path.cwd()
        self.name = str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
        check_file(path, self.name)
        try:
            with path.open("rb") as file:
                head = file.read(16)
        except OSError as exc:
            raise DataError(f"{self.name}: cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
        if head.startswith(b"SQLite format 3\0"):
            self.kind, self._open = "sqlite", partial(_sqlite, path)
        elif head[8:12] == b"DUCK":
            self.kind, self._open = "duckdb", partial(_duckdb, path)
        else:
            raise DataError(f"{self.name}: is neither a SQLite nor a DuckDB database")

    def _server(self, given: str, where: str) -> None:
        # What is raised here may hold a piece of the URL, and with it of a password.
        try:
            url = make_url(given)
        except (ArgumentError, ValueError):
            raise HostError(
                f"{where}: is not a URL such as {_EXAMPLE}; in a password write %40 for @, %2F for / and %3A for :"
            ) from None
        self.kind = "postgresql"
        self.name = f"postgresql://{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"
        hidden = [url.password or "", *(str(value) for key, value in url.query.items() if "pass" in key.lower())]
        raw = [given, *re.findall(r"://[^:@]*:(.*)@", given)]
        self._secrets = sorted({*raw, *hidden, *map(quote, hidden), *map(unquote, raw)} - {""}, key=len, reverse=True)
        self._open = partial(_postgresql, url)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Open one transaction that reads; all queries in it see the same rows.

        Raises:
            DataError: it is not a database that can be read, or a query was refused.
            HostError: the driver is not installed.
            NetworkError: the server cannot be reached or refuses, or the connection broke.

        """
        with self._explained(self.name, DataError if self.kind != "postgresql" else NetworkError):
            engine = self._open()
            connection = engine.connect()
        try:
            with self._explained(self.name):
                yield connection.execution_options(no_parameters=True, yield_per=BATCH)
        finally:
            # The connection may be gone, and nothing was written that could be lost.
            with suppress(DBAPIError):
                connection.close()
            engine.dispose()

    @contextmanager
    def asking(self, name: str) -> Iterator[None]:
        """Explain what goes wrong with the query `name`; see `connect`."""
        with self._explained(f"{name} to {self.name}"):
            yield

    @contextmanager
    def _explained(self, name: str, kind: type[DataError | NetworkError] | None = None) -> Iterator[None]:
        try:
            yield
        except DBAPIError as exc:
            code = str(getattr(exc.orig, "sqlstate", None) or "")
            broken = self.kind == "postgresql" and (exc.connection_invalidated or code.startswith(_LOST))
            error = kind or (NetworkError if broken else DataError)
            raise error(f"{name}: {self._words(exc.orig)}") from None
        except (NoSuchModuleError, ModuleNotFoundError) as exc:
            driver = getattr(exc, "name", None) or {"duckdb": "duckdb_engine"}.get(self.kind, "")
            missing = f"pip install {_DRIVERS.get(driver, driver)}" if driver else "write postgresql+psycopg://"
            raise HostError(f"{name}: its driver {driver or 'is not known'} is not installed: {missing}") from None

    def _words(self, exc: BaseException | None) -> str:
        """Return what the driver says, without the query, secrets and further lines."""
        said = getattr(getattr(exc, "diag", None), "message_primary", None) or str(exc) or type(exc).__name__
        words = " ".join(re.split(r"\n\s*\n|\bLINE \d+:", said, maxsplit=1)[0].split())
        for secret in self._secrets:
            words = words.replace(secret, "...")
        return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}..."


def _sqlite(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _duckdb(path: Path) -> Engine:
    # Without access to other files, or else `SELECT 1; COPY ... TO 'file'` would write one.
    options = {"read_only": True, "config": {"enable_external_access": "false"}}
    return create_engine(URL.create("duckdb", database=str(path)), connect_args=options, poolclass=NullPool)


def _postgresql(url: URL) -> Engine:
    if "+" not in url.drivername:
        url = url.set(drivername="postgresql+psycopg")
    options = {} if "connect_timeout" in url.query else {"connect_timeout": _SECONDS}
    return create_engine(
        url,
        connect_args=options,
        poolclass=NullPool,
        execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    )
