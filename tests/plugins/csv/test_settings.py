"""What the settings of `csv` and `imdb-csv` take and refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from clsfw_csv import CsvSettings, ImdbCsvSettings, register_data_sources

LOCAL = "https://example.org/reviews.csv"


def test_the_flagship_needs_its_source_only() -> None:
    made = ImdbCsvSettings(source=LOCAL)

    assert made.model_dump(include={"text_column", "label_column", "labels", "rows"}) == {
        "text_column": "review",
        "label_column": "sentiment",
        "labels": {"negative": "NEGATIVE", "positive": "POSITIVE"},
        "rows": None,
    }


def test_labels_keep_their_order() -> None:
    made = CsvSettings(source=LOCAL, labels={"z": "Z", "a": "A"})

    assert list(made.labels or ()) == ["z", "a"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "Field required"),
        ({"source": ""}, "must not be empty"),
        ({"sha256": "abc"}, "should match pattern"),
        ({"rows": 0}, "greater than or equal to 1"),
        ({"rows": "5"}, "valid integer"),
        ({"rows": 5.0}, "valid integer"),
        ({"labels": {"a": "A"}}, "declare at least two labels"),
        ({"labels": {}}, "declare at least two labels"),
        ({"labels": {"a": "A", "b": "A"}}, "two labels cannot have the same name"),
        ({"labels": {"a": "A", "": "B"}}, "must not be empty"),
        ({"labels": {"a": "A", "b": " "}}, "must not be empty"),
        ({"label_separator": ""}, "at least 1 character"),
        ({"encoding": "utf-9"}, "unknown encoding 'utf-9'; try 'utf-8'"),
        ({"encoding": "hex"}, "unknown encoding"),
        ({"encoding": "unicode_escape"}, "unknown encoding"),
        ({"encoding": "utf\0"}, "unknown encoding"),
        ({"delimiter": ",,"}, "at most 1 character"),
        ({"delimiter": '"'}, "cannot separate fields"),
        ({"delimiter": "\n"}, "cannot separate fields"),
        ({"empty_text": "keep"}, "'error' or 'drop'"),
        ({"max_bytes": 0}, "greater than or equal to 1"),
        ({"text_column": "a", "label_column": "a"}, "are both 'a'"),
        ({"colour": "red"}, "Extra inputs"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CsvSettings.model_validate(settings if "source" in settings or not settings else {"source": LOCAL, **settings})

    assert words in str(caught.value)


def test_both_components_have_a_description_for_each_setting() -> None:
    fields = [field for part in register_data_sources() for field in part.settings.model_fields.values()]

    assert [field for field in fields if not field.description] == []
