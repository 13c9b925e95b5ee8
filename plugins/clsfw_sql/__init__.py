"""Data source `sql`: labelled texts from a query to a SQLite, DuckDB or PostgreSQL database."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from clsfw import Component, HostError, PathOrUrl, hookimpl
from clsfw_csv import RowSettings, Split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clsfw import DataSource

_FILE = re.compile(r"(?:sqlite|duckdb)(?:\+\w+)?:///?", re.IGNORECASE)
_SERVER = re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^/:@]*:.*@|[?&]\w*passw(?:or)?d=", re.IGNORECASE)
_COMMENT = re.compile(r"\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\(", re.DOTALL)
_READS = ("select", "with", "values", "from", "table")


def path_or_server(url: object) -> object:
    """Return the path of a database that is a file, as written behind `sqlite:///`; of a server, the URL.

    Raises:
        ValueError: it names no database that is read here.

    """
    if not isinstance(url, str) or "://" not in url:
        return url
    kind = url.partition(":")[0].partition("+")[0]
    if found := _FILE.match(url):
        path = url[found.end() :]
        if not path or path.startswith(":memory:"):
            raise ValueError("a database in memory is empty when it is opened; name a file")
        if "?" in path:
            raise ValueError("the URL of a file takes no parameters; leave out what follows '?'")
        return path
    if not _SERVER.match(url):
        raise ValueError(
            f"databases of SQLite, DuckDB and PostgreSQL are read, not {kind!r}; export its rows to a file"
        )
    return url


def _without_password(url: str) -> str:
    if _PASSWORD.search(url):
        raise ValueError("a recipe holds no password; put the URL into an environment variable, and name it by url_env")
    return url


def _reads(query: str) -> str:
    bare = query
    while found := _COMMENT.match(bare):
        bare = bare[found.end() :]
    first = re.split(r"\W", bare, maxsplit=1)[0]
    if first.lower() not in _READS:
        what = f"not {first!r}" if first else "and this one is empty"
        raise ValueError(f"a query begins with SELECT, WITH, VALUES or FROM, {what}; nothing is ever written")
    return query


Query = Annotated[str, AfterValidator(_reads)]


class SqlSettings(RowSettings):
    """What `use = "sql"` takes."""

    kind = ".jsonl"

    url: Annotated[PathOrUrl, AfterValidator(_without_password), BeforeValidator(path_or_server)] | None = Field(
        None,
        description="the database: the path of a SQLite or DuckDB file, or `postgresql://user@host/name` without a "
        "password",
    )
    url_env: str | None = Field(
        None,
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        description="the environment variable that holds the URL, where it has a password or differs between machines",
    )
    query: Query | dict[Split, Query] = Field(
        description="the SELECT that returns the rows, in the order that its ORDER BY says; or a table with those of "
        "train, validation and test"
    )

    @model_validator(mode="after")
    def _one_database(self) -> SqlSettings:
        if self.url is None and self.url_env is None:
            raise ValueError("say which database by url, or by url_env")
        if self.url is not None and self.url_env is not None:
            raise ValueError("url_env and url both name a database; leave one of them out")
        if isinstance(self.query, dict) and "train" not in self.query:
            raise ValueError("query must say which rows are train")
        return self

    @property
    def queries(self) -> dict[str, str]:
        """The queries by split; one that says nothing of splits is under an empty name."""
        return {"": self.query} if isinstance(self.query, str) else {str(k): query for k, query in self.query.items()}


@hookimpl
def register_data_sources() -> Iterable[Component[DataSource]]:
    """Contribute `sql`."""
    summary = "labelled texts from a query to a SQLite, DuckDB or PostgreSQL database, which is only read"
    return [Component(name="sql", summary=summary, settings=SqlSettings, build=_build)]


def _build(settings: SqlSettings) -> DataSource:
    try:
        from clsfw_sql.source import SqlSource
    except ImportError as exc:
        raise HostError(
            "data source 'sql' needs the package sqlalchemy, which is not installed: pip install \"clsfw[sql]\""
        ) from exc
    return SqlSource(settings)
