"""A server that cannot be reached or refuses, drivers that are missing, and passwords that are never shown."""

from __future__ import annotations

import gc
import json
import socket
import sys
from contextlib import closing
from urllib.parse import quote

import pytest
from support.rows import data_of

from clsfw.contract.component import validate
from clsfw.errors import HostError, NetworkError
from clsfw_sql import SqlSettings, _build
from clsfw_sql import database as module
from clsfw_sql.source import SqlSource

QUERY = "SELECT subject AS text, queue AS label FROM tickets ORDER BY id"
SECRET = "s3cr/et:@ü 9"


@pytest.fixture
def load(reporter, monkeypatch):
    """Give a function that reads from the database of a URL in the environment."""

    def load(url, query=QUERY):
        monkeypatch.setenv("TICKETS_URL", url)
        return data_of(SqlSource(validate(SqlSettings, {"url_env": "TICKETS_URL", "query": query})).load(reporter))

    return load


@pytest.fixture
def closed():
    """Give the port of a server that is not there."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_wrong_password(postgresql, load):
    url = f"postgresql://reader:{quote(SECRET, safe='')}@127.0.0.1:{postgresql.port}/support"
    with pytest.raises(NetworkError) as caught:
        load(url)

    assert f"postgresql://127.0.0.1:{postgresql.port}/support: " in str(caught.value)
    assert 'password authentication failed for user "reader"' in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_database_that_is_not_there(postgresql, load):
    with pytest.raises(NetworkError, match='database "suport" does not exist'):
        load(postgresql.url.replace("/support", "/suport"))


def test_no_server(closed, load):
    with pytest.raises(NetworkError, match=f"postgresql://127.0.0.1:{closed}/x: .*onnection refused"):
        load(f"postgresql://127.0.0.1:{closed}/x")


def test_a_server_that_does_not_answer(load, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS", 2)  # the least that the driver takes
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NetworkError, match=f"postgresql://127.0.0.1:{port}/x: .*timeout"):
            load(f"postgresql://127.0.0.1:{port}/x")


@pytest.mark.filterwarnings("ignore:.*ServerCursor:ResourceWarning")  # nobody can close it in a server that is gone
def test_a_connection_that_breaks(postgresql, load):
    query = "SELECT pg_terminate_backend(pg_backend_pid())::text AS text, 'a' AS label ORDER BY 1"
    with pytest.raises(NetworkError, match="query to postgresql://") as caught:
        load(postgresql.url, query)
    del caught
    gc.collect()


def test_a_secret_in_the_words_of_the_server_is_hidden(postgresql, load):
    with pytest.raises(NetworkError) as caught:
        load(postgresql.url.replace("reader:", f"{quote(postgresql.password, safe='')}:"))

    assert 'failed for user "..."' in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://reader:{SECRET}@127.0.0.1:port/x",
        f"mysql://reader:{SECRET}@127.0.0.1/x",
        f"reader:{SECRET}@127.0.0.1/x",
        f"postgresql://reader:{SECRET}@nowhere.invalid/x",
        f"postgresql://127.0.0.1:1/x?user=a&password={SECRET}",
        f"postgresql+nothing://reader:{SECRET}@127.0.0.1:1/x",
    ],
)
def test_a_url_that_cannot_be_used_is_not_repeated(url, load):
    with pytest.raises(Exception) as caught:  # whichever it is
        load(url)

    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_variable_that_is_not_set(reporter, monkeypatch):
    monkeypatch.delenv("TICKETS_URL", raising=False)
    settings = validate(SqlSettings, {"url_env": "TICKETS_URL", "query": QUERY})

    with pytest.raises(HostError, match="the environment variable TICKETS_URL is not set"):
        SqlSource(settings).load(reporter)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "clsfw_sql.source", raising=False)
    monkeypatch.delitem(sys.modules, "clsfw_sql.database", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    with pytest.raises(HostError, match=r'pip install "clsfw\[sql\]"'):
        _build(validate(SqlSettings, {"url": "x.db", "query": QUERY}))


@pytest.mark.parametrize(
    ("url", "package"),
    [("postgresql://127.0.0.1:1/x", r'"psycopg\[binary\]"'), ("postgresql+psycopg2://a/x", "psycopg2-binary")],
)
def test_a_missing_driver_is_named(url, package, load, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setitem(sys.modules, "psycopg2", None)

    with pytest.raises(HostError, match=f"pip install {package}"):
        load(url)


def test_a_missing_driver_of_a_file_is_named(duckdb, load, monkeypatch):
    from sqlalchemy.dialects import registry

    monkeypatch.setitem(sys.modules, "duckdb_engine", None)
    monkeypatch.delitem(registry.impls, "duckdb", raising=False)

    with pytest.raises(HostError, match="pip install duckdb-engine"):
        load(f"duckdb:///{duckdb}")


RECIPE = """\
schema = 1
name = "tickets"

[data]
use = "sql"
url_env = "TICKETS_URL"
query = "SELECT subject AS text, queue AS label FROM tickets ORDER BY id"

[split]
method = "stratified"
train = 4
test = 2

[model]
use = "tfidf"
min_df = 1

[trainer]
use = "sklearn-fit"
C = 1.0

[[metrics]]
use = "macro-metrics"
"""


def test_a_run_holds_no_secret(postgresql, cli, tmp_path, monkeypatch):
    monkeypatch.setenv("TICKETS_URL", postgresql.url)
    (tmp_path / "tickets.toml").write_text(RECIPE)
    answer = cli("run", tmp_path / "tickets.toml", "--out", tmp_path / "run")

    assert 0 == answer.code, answer.err
    kept = json.loads((tmp_path / "run" / "run.json").read_text())["data"]["provenance"]
    assert ("postgresql", QUERY, "6") == (kept["database"], kept["query"], kept["rows"])
    secrets = [postgresql.url, postgresql.url.split(":")[2].split("@")[0]]
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    everything = [answer.out, answer.err, *(path.read_text(errors="replace") for path in files)]
    assert [] == [text for text in everything for secret in secrets if secret in text]
