"""`sql` reads the same rows out of each kind of database, and changes nothing in it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest
from support.rows import data_of

from clsfw.contract.component import validate
from clsfw.errors import DataError
from clsfw_sql import SqlSettings
from clsfw_sql.source import SqlSource

QUERY = "SELECT subject, body, queue, stars FROM tickets ORDER BY id"
COLUMNS = {"text_column": ["subject", "body"], "label_column": "queue"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def source(database, query=QUERY, **changes):
    return SqlSource(validate(SqlSettings, {**database, **COLUMNS, "query": query, **changes}))


def refusal(reporter, database, query=QUERY, **changes):
    with pytest.raises(DataError) as caught:
        source(database, query, **changes).load(reporter)
    return str(caught.value)


def test_texts_labels_and_further_columns(database, reporter):
    data = data_of(source(database).load(reporter))

    assert ["access", "billing"] == data.features["label"].names
    assert [1, 0, 1, 0, 1, 0] == data["label"][:]
    assert "password lost\ncafé 日本" == data[3]["text"]
    assert ["3", "5", "", "1", "2", "4"] == data["stars"][:]
    assert list(range(6)) == data["row"][:]
    assert [] == reporter.warnings


def test_a_second_column_makes_pairs(database, reporter):
    query = QUERY.replace("FROM tickets", "FROM tickets WHERE body IS NOT NULL")
    data = data_of(source(database, query, text_column="subject", text_pair_column="body").load(reporter))

    assert ("password lost", "café 日本") == (data[2]["text"], data[2]["text_pair"])


def test_a_second_text_that_is_missing_has_its_row(sqlite, reporter):
    query = "SELECT subject, CASE WHEN id = 1 THEN NULL ELSE body END AS body, queue FROM tickets ORDER BY id"

    said = refusal(reporter, {"url": str(sqlite)}, query, text_column="subject", text_pair_column="body")
    assert "query:1: no text in column 'body'" in said


def test_a_query_is_given_as_it_stands(database, reporter):
    query = "SELECT subject, body, queue FROM tickets WHERE body LIKE '%100%%' OR body LIKE '%s :od%' ORDER BY id;"

    assert [0, 1] == data_of(source(database, query).load(reporter))["label"][:]


def test_the_query_and_a_hash_of_the_rows_are_kept(database, reporter):
    first, second = source(database), source(database, f"{QUERY} ")
    for each in (first, second):
        each.load(reporter)

    kept = first.provenance()
    assert {"database", "query", "sha256", "rows", "rows_dropped"} == set(kept)
    assert (QUERY, "6", "0") == (kept["query"], kept["rows"], kept["rows_dropped"])
    assert second.provenance()["sha256"] == kept["sha256"]


def test_other_rows_have_another_hash(sqlite, reporter):
    database = {"url": str(sqlite)}
    first, second = source(database), source(database)
    first.load(reporter)
    with closing(sqlite3.connect(sqlite)) as connection:
        connection.execute("UPDATE tickets SET body = 'thrice billed' WHERE id = 1")
        connection.commit()

    assert "invoice is wrong\nthrice billed" == data_of(second.load(reporter))[0]["text"]
    assert first.provenance()["sha256"] != second.provenance()["sha256"]


def test_queries_by_split(database, reporter):
    queries = {
        "train": "SELECT subject AS text, queue AS label FROM tickets WHERE id < 5 ORDER BY id",
        "test": "SELECT subject AS text, queue AS label FROM tickets WHERE id >= 5 ORDER BY id",
    }
    read = source(database, queries, text_column="text", label_column="label")
    data = data_of(read.load(reporter))

    assert {"train": 4, "test": 2} == {split: len(part) for split, part in data.items()}
    assert ["text", "label", "row"] == data["test"].column_names
    assert queries == {split: read.provenance()[f"{split}_query"] for split in queries}


def test_rows_stops_the_query(database, reporter):
    assert 4 == len(data_of(source(database, rows=4).load(reporter)))
    assert ("fetching the rows of the query", 4, None, "rows") in reporter.steps


def test_more_rows_than_there_are(database, reporter):
    assert "query: rows = 7 is asked for, but there are only 6" == refusal(reporter, database, rows=7)


def test_lists_are_several_labels(reporter, monkeypatch, postgresql):
    monkeypatch.setenv("TICKETS_URL", postgresql.url)
    query = "SELECT subject AS text, ARRAY[queue, 'all'] AS label FROM tickets ORDER BY id"
    data = data_of(source({"url_env": "TICKETS_URL"}, query, text_column="text", label_column="label").load(reporter))

    assert [[1, 2], [0, 1], [1, 2]] == data["label"][:3]


def test_values_of_every_kind(reporter, monkeypatch, postgresql):
    monkeypatch.setenv("TICKETS_URL", postgresql.url)
    query = (
        "SELECT subject AS text, id::numeric % 2 AS label, 'NaN'::float8 AS a, 1.50::numeric AS b, "
        "DATE '2026-01-31' AS c, id > 1 AS d, '{\"e\": \"f\"}'::jsonb AS j FROM tickets ORDER BY id"
    )
    data = data_of(source({"url_env": "TICKETS_URL"}, query, text_column="text", label_column="label").load(reporter))

    assert ["0", "1"] == data.features["label"].names
    assert ["", "1.5", "2026-01-31", "false"] == [data[0][column] for column in "abcd"]


def test_a_column_within_another(reporter, monkeypatch, postgresql):
    monkeypatch.setenv("TICKETS_URL", postgresql.url)
    query = "SELECT jsonb_build_object('title', subject) AS meta, queue FROM tickets ORDER BY id"
    data = data_of(source({"url_env": "TICKETS_URL"}, query, text_column="meta.title").load(reporter))

    assert "invoice is wrong" == data[0]["text"]


def test_an_order_that_nobody_promised_is_a_warning(database, reporter):
    source(database, "SELECT subject, body, queue FROM tickets").load(reporter)

    assert ["query: has no ORDER BY"] == [text.partition(",")[0] for text in reporter.warnings]


def test_a_file_of_the_old_name_is_no_other_database(sqlite, reporter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert "tickets.bd: no such file; did you mean 'tickets.db'?" == refusal(reporter, {"url": "tickets.bd"})
    assert not (tmp_path / "tickets.bd").exists()


def test_nothing_is_left_behind(database, reporter, cache, tmp_path):
    before = sorted(tmp_path.glob("tickets*"))
    source(database).load(reporter)

    assert [] == list((cache / "queries").iterdir())
    assert before == sorted(tmp_path.glob("tickets*"))


# What is wrong


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT subject FROM tikets ORDER BY 1", ("query to ", "tikets")),
        ("SELECT subjct FROM tickets ORDER BY 1", ("query to ", "subjct")),
        ("SELECT FROM ORDER BY 1", ("query to ", "yntax")),
        ("SELECT subject, queue FROM tickets ORDER BY id", ("query: no column 'body'; the columns are 'subject'",)),
        ("SELECT id, id, body FROM tickets ORDER BY 1", ("query: gives two columns called 'id'",)),
        ("SELECT subject, body, queue FROM tickets WHERE id > 9 ORDER BY id", ("query: has no rows",)),
        ("SELECT subject, body, queue FROM tickets WHERE id < 2 ORDER BY id", ("all 1 rows have the label",)),
        ("SELECT subject, body, NULL AS queue FROM tickets ORDER BY id", ("query:1: no label in column 'queue'",)),
        ("SELECT NULL AS subject, NULL AS body, queue FROM tickets ORDER BY id", ("query:1: no text", "6 rows in all")),
        ("SELECT attachment AS subject, NULL AS body, queue FROM tickets ORDER BY id", ("query:1: no text",)),
    ],
)
def test_a_query_that_does_not_fit(query, words, database, reporter):
    said = refusal(reporter, database, query)

    assert [] == [part for part in words if part not in said]
    assert "\n" not in said


@pytest.mark.parametrize(
    "query",
    [
        "WITH gone AS (DELETE FROM tickets RETURNING *) SELECT subject, body, queue FROM gone ORDER BY id",
        "WITH x AS (SELECT 1) DELETE FROM tickets",
        "SELECT subject, body, queue FROM tickets ORDER BY id; DELETE FROM tickets",
        "SELECT subject, body, queue INTO copies FROM tickets ORDER BY id",
        "SELECT nextval('numbers') AS subject, 'b' AS body, 'c' AS queue ORDER BY 1",
        "SELECT subject, body, queue FROM tickets ORDER BY id; COPY tickets TO 'out.csv'",
    ],
)
def test_nothing_can_be_written(query, database, reporter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError):
        source(database, query).load(reporter)

    assert 6 == len(data_of(source(database).load(reporter)))
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_is_no_database(reporter, tmp_path):
    (tmp_path / "notes.db").write_text("these are no rows")

    assert "notes.db: is neither a SQLite nor a DuckDB database" in refusal(
        reporter, {"url": str(tmp_path / "notes.db")}
    )


def test_a_file_that_cannot_be_read(reporter, tmp_path):
    assert "is a directory" in refusal(reporter, {"url": str(tmp_path)})


def test_a_damaged_file(sqlite, reporter):
    with sqlite.open("r+b") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(16)
        file.write(b"\xaa" * (size - 16))

    assert "tickets.db: " in refusal(reporter, {"url": str(sqlite)})


def test_a_file_that_is_cut_off(duckdb, reporter):
    with duckdb.open("r+b") as file:
        file.truncate(200)

    assert "tickets.duckdb: " in refusal(reporter, {"url": str(duckdb)})


def test_half_a_character(sqlite, reporter):
    with closing(sqlite3.connect(sqlite)) as connection:
        connection.execute("UPDATE tickets SET body = CAST(X'61ff' AS TEXT) WHERE id = 2")
        connection.commit()

    assert "Could not decode to UTF-8 column 'body'" in refusal(reporter, {"url": str(sqlite)})
