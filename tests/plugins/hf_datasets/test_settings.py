"""What the settings of `hf-dataset` take and refuse, and what they take for a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from clsfw_hf_datasets import HfDatasetSettings

if TYPE_CHECKING:
    from pathlib import Path


def path_of(value: str, recipe_folder: Path) -> str:
    context = {"base_of": lambda _: recipe_folder}
    return HfDatasetSettings.model_validate({"path": value}, context=context).path


@pytest.mark.parametrize("name", ["stanfordnlp/imdb", "imdb", "me/reviews.v2", "me/csv"])
def test_a_name_on_the_hub_stays(tmp_path: Path, name: str) -> None:
    assert path_of(name, tmp_path) == name


@pytest.mark.parametrize(
    "path",
    ["reviews.csv", "data/a.jsonl", "data/a.parquet", "A.CSV", "a.csv.gz", "data/*.arrow", "part-?.json", "./d"],
)
def test_a_local_path_starts_at_the_recipe(tmp_path: Path, path: str) -> None:
    assert path_of(path, tmp_path) == str((tmp_path / path).resolve())


def test_a_folder_beside_the_recipe_is_local(tmp_path: Path) -> None:
    (tmp_path / "reviews").mkdir()

    assert path_of("reviews", tmp_path) == str(tmp_path / "reviews")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"path": ""}, "must not be empty"),
        ({"path": "https://x.org/a.csv"}, "is a URL; give a name on the hub or a local path"),
        ({"path": "./a.csv", "revision": "main"}, "a local path has no revision"),
        ({"splits": {"test": "test"}}, "say which split is train"),
        ({"splits": {"train": "a", "dev": "b"}}, "'train', 'validation' or 'test'"),
        ({"labels": {"a": "A"}}, "declare at least two labels"),
        ({"labels": {"a": "A", "b": "A"}}, "two labels cannot have the same name"),
        ({"labels": {"a": "A", "b": ""}}, "must not be empty"),
        ({"text_column": "a", "label_column": "a"}, "are both 'a'"),
        ({"rows": 0}, "greater than or equal to 1"),
        ({"empty_text": "keep"}, "'error' or 'drop'"),
        ({"trust_remote_code": True}, "Extra inputs"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HfDatasetSettings.model_validate({"path": "me/films", **settings})

    assert words in str(caught.value)


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in HfDatasetSettings.model_fields.items() if not field.description] == []
