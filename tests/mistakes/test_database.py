"""Group D, continued: what is wrong with a query, a database or its server, told once and with its exit code."""

from __future__ import annotations

import socket
import sys
from contextlib import closing

import pytest

QUERY = "SELECT subject AS text, queue AS label FROM tickets ORDER BY id"


@pytest.fixture
def recipe(toy, tmp_path):
    """Give a function that writes a recipe which reads from a database, with the lines given below `use`."""

    def write(*lines):
        path = toy(('use = "csv"\nsource = "texts.csv"', "\n".join(['use = "sql"', *lines])))
        text = path.read_text().replace("train = 12\nvalidation = 4\ntest = 4", "train = 2\nvalidation = 2\ntest = 2")
        path.write_text(text)
        return path

    return write


@pytest.fixture
def server(postgresql, monkeypatch):
    """Give the server, whose URL the environment holds."""
    monkeypatch.setenv("TICKETS_URL", postgresql.url)
    return postgresql


def test_it_runs(sqlite, recipe, cli):
    assert 0 == cli("run", recipe('url = "tickets.db"', f'query = "{QUERY}"'), "--out", "run").code


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (QUERY.replace("tickets", "tikets"), "error: query to tickets.db: no such table: tikets"),
        (QUERY.replace("subject", "subjct"), "error: query to tickets.db: no such column: subjct"),
        (QUERY.replace("AS text", "AS txt"), "error: query: no column 'text'; did you mean text_column = 'txt'?"),
        (QUERY.replace("ORDER", "WHERE id > 9 ORDER"), "error: query: has no rows"),
        ("WITH x AS (SELECT 1) DELETE FROM tickets -- ORDER BY", "attempt to write a readonly"),
    ],
)
def test_a_query_that_gives_no_data(query, words, sqlite, recipe, refused):
    assert words in refused(3, "run", recipe('url = "tickets.db"', f'query = "{query}"')).err


def test_a_file_that_is_not_there(recipe, refused):
    assert (
        "error: nowhere.db: no such file" in refused(3, "run", recipe('url = "nowhere.db"', f'query = "{QUERY}"')).err
    )


@pytest.mark.parametrize(
    ("lines", "place", "words"),
    [
        (('url = "tickets.db"', 'query = "DELETE FROM tickets"'), "8:9", "VALUES or FROM, not 'DELETE'"),
        (('url = "tickets.db"', 'query = { test = "SELECT 1" }'), "8:", "query must say which rows are train"),
        (('url = "oracle://h/x"', 'query = "SELECT 1"'), "7:7", "SQLite, DuckDB and PostgreSQL are read, not 'oracle'"),
        (('url_env = "my url"', 'query = "SELECT 1"'), "7:11", "must match the pattern"),
        (('url = "tickets.db"', 'url_env = "DB"', 'query = "SELECT 1"'), "8:", "leave one of them out"),
        (('query = "SELECT 1"',), "5:1", "say which database by url, or by url_env"),
        (('url = "tickets.db"',), "5:1", "missing key 'query'"),
        (('url = "tickets.db"', 'query = "SELECT 1"', 'source = "x.csv"'), "9:1", "source: unknown key"),
    ],
)
def test_a_setting_that_cannot_be_is_a_mistake_in_its_line(lines, place, words, recipe, refused):
    said = refused(2, "run", recipe(*lines)).err

    assert f".toml:{place}" in said
    assert words in said


@pytest.mark.parametrize("url", ["postgresql://reader:s3/cret@host/x", "postgresql://host/x?user=a&password=s3/cret"])
def test_a_password_in_a_recipe_is_refused_and_not_repeated(url, recipe, refused):
    said = refused(2, "run", recipe(f'url = "{url}"', f'query = "{QUERY}"')).err

    assert ".toml:7:7: [data] url: a recipe holds no secrets" in said
    assert "s3/cret" not in said


def test_a_wrong_password(server, recipe, refused, monkeypatch):
    monkeypatch.setenv("TICKETS_URL", f"postgresql://reader:s3cret@127.0.0.1:{server.port}/support")
    said = refused(5, "run", recipe('url_env = "TICKETS_URL"', f'query = "{QUERY}"')).err

    assert 'password authentication failed for user "reader"' in said
    assert "s3cret" not in said


def test_a_write_to_a_server(server, recipe, refused):
    said = refused(3, "run", recipe('url_env = "TICKETS_URL"', f'query = "{QUERY} FOR UPDATE"')).err

    assert "cannot execute SELECT FOR UPDATE in a read-only transaction" in said


def test_no_server(recipe, refused, monkeypatch):
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = refused(5, "run", recipe(f'url = "postgresql://127.0.0.1:{port}/x"', f'query = "{QUERY}"')).err

    assert f"error: postgresql://127.0.0.1:{port}/x: " in said
    assert "Connection refused" in said


def test_a_variable_that_is_not_set(recipe, refused, monkeypatch):
    monkeypatch.delenv("TICKETS_URL", raising=False)
    said = refused(6, "run", recipe('url_env = "TICKETS_URL"', f'query = "{QUERY}"')).err

    assert "the environment variable TICKETS_URL is not set" in said


def test_the_extra_is_missing(recipe, refused, monkeypatch):
    for name in ("source", "database"):
        monkeypatch.delitem(sys.modules, f"clsfw_sql.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    assert 'pip install "clsfw[sql]"' in refused(6, "run", recipe('url = "x.db"', f'query = "{QUERY}"')).err
