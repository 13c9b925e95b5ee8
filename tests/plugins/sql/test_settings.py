"""What `use = "sql"` takes, and what it refuses before any database is opened."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from clsfw.contract.component import validate
from clsfw_sql import SqlSettings

GOOD = {"url": "tickets.db", "query": "SELECT text, label FROM tickets"}


def settings(**changes):
    return validate(SqlSettings, {key: value for key, value in (GOOD | changes).items() if value is not None})


@pytest.mark.parametrize("url", ["tickets.db", "sqlite:///tickets.db", "duckdb:///tickets.db", "./tickets.db"])
def test_a_file_is_a_path(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert str(tmp_path / "tickets.db") == settings(url=url).url


def test_an_absolute_path_has_four_slashes():
    assert "/data/tickets.db" == settings(url="sqlite:////data/tickets.db").url


def test_a_server_keeps_its_url():
    url = "postgresql://reader@db.example.org:5432/support?sslmode=require"

    assert url == settings(url=url).url


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": None}, "say which database by url, or by url_env"),
        ({"url_env": "DB"}, "leave one of them out"),
        ({"url": None, "url_env": "postgresql://reader@host/x"}, "should match pattern"),
        ({"url": "mysql+pymysql://host/x"}, "databases of SQLite, DuckDB and PostgreSQL are read, not 'mysql'"),
        ({"url": "sqlite://"}, "in memory is empty"),
        ({"url": "sqlite:///:memory:"}, "in memory is empty"),
        ({"url": "sqlite:///a.db?mode=rwc"}, "takes no parameters"),
        ({"url": ""}, "must not be empty"),
        ({"url": "postgresql://reader:s/3@cret@host/x"}, "holds no password"),
        ({"url": "postgresql://host/x?user=a&password=b"}, "holds no password"),
        ({"query": "DELETE FROM tickets"}, "begins with SELECT, WITH, VALUES or FROM, not 'DELETE'"),
        ({"query": "-- select\n/* select */ Drop table tickets"}, "not 'Drop'"),
        ({"query": " "}, "this one is empty"),
        ({"query": {"test": "SELECT 1"}}, "must say which rows are train"),
        ({"query": {"train": "SELECT 1", "dev": "SELECT 1"}}, "'train', 'validation' or 'test'"),
        ({"text_column": "label"}, "both 'label'"),
    ],
)
def test_what_cannot_be_is_refused(changes, words):
    with pytest.raises(ValidationError) as caught:
        settings(**changes)

    assert words in str(caught.value)


@pytest.mark.parametrize("query", ["select 1", "(SELECT 1)", "-- why\nWITH x AS (SELECT 1) SELECT * FROM x", "FROM t"])
def test_what_reads_is_taken(query):
    assert query == settings(query=query).query
