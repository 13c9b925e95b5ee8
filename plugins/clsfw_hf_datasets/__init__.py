"""Data source `hf-dataset`: data sets of the Hugging Face hub, and those that the `datasets` library saved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from clsfw import Component, PathOrHubId, Settings, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clsfw import DataSource

READERS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
"""The components that read files of rows, by the ends of their names."""

_PACKED = r"(\.(gz|bz2|xz|zst))?"
_FILE = re.compile(rf"({'|'.join(map(re.escape, [*READERS, '.arrow']))}){_PACKED}\Z|[*?\[]", re.IGNORECASE)


def _file_is_local(value: object) -> object:
    """Mark what names a file as a path: `PathOrHubId` takes a bare `reviews.csv` for a name on the hub."""
    if not isinstance(value, str):
        return value
    if "://" in value:
        raise ValueError(f"{value!r} is a URL; give a name on the hub or a local path, or read a file by use = 'csv'")
    return f"./{value}" if _FILE.search(value) and not value.startswith((".", "/", "~")) else value


class HfDatasetSettings(Settings):
    """What `use = "hf-dataset"` takes."""

    path: Annotated[PathOrHubId, BeforeValidator(_file_is_local)] = Field(
        description="a data set's name on the Hugging Face hub, such as `stanfordnlp/imdb`, or a folder that "
        "`Dataset.save_to_disk` wrote, or one of its Arrow files"
    )
    name: str | None = Field(
        None, min_length=1, description="the configuration of the data set, where it has several of them"
    )
    revision: str | None = Field(
        None, min_length=1, description="the branch, tag or commit on the hub; a commit of 40 hex digits pins the data"
    )
    splits: dict[Literal["train", "validation", "test"], str] | None = Field(
        None,
        description="which split of the data set is train, validation and test; if left out, those that have these "
        "names, or else the only one",
    )
    text_column: str = Field("text", min_length=1, description="the column that holds the texts")
    text_pair_column: str | None = Field(
        None, min_length=1, description="the column that holds the second texts, where each row is a pair of texts"
    )
    label_column: str = Field(
        "label",
        min_length=1,
        description="the column that holds the labels: class labels, strings, whole numbers, or lists of them where a "
        "text may carry several",
    )
    labels: dict[str, str] | None = Field(
        None,
        description="each label value (a number is written as a string) with the name to show for it, in the order of "
        "the class ids; if left out, the data set's own class names, or else the values in sorted order",
    )
    rows: int | None = Field(
        None, ge=1, description="take at most so many rows of each split, without fetching the rest"
    )
    empty_text: Literal["error", "drop"] = Field(
        "error", description="what to do with a row whose text is blank: refuse the data, or drop the row and say so"
    )

    @field_validator("labels")
    @classmethod
    def _distinct(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        if value is None:
            return None
        if len(value) < 2:  # noqa: PLR2004  # a classifier tells at least two things apart
            raise ValueError("declare at least two labels")
        if not all(value) or not all(name.strip() for name in value.values()):
            raise ValueError("a label and its name must not be empty")
        if len(set(value.values())) < len(value):
            raise ValueError("two labels cannot have the same name")
        return value

    @field_validator("splits")
    @classmethod
    def _with_train(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        if value is not None and "train" not in value:
            raise ValueError("say which split is train")
        return value

    @model_validator(mode="after")
    def _fits(self) -> HfDatasetSettings:
        if self.text_column == self.label_column:
            raise ValueError(f"text_column and label_column are both {self.text_column!r}")
        if self.text_pair_column in {self.text_column, self.label_column}:
            other = "text_column" if self.text_pair_column == self.text_column else "label_column"
            raise ValueError(f"{other} and text_pair_column are both {self.text_pair_column!r}")
        if self.revision is not None and self.is_local:
            raise ValueError("a local path has no revision; leave it out")
        return self

    @property
    def text_columns(self) -> dict[str, str]:
        """The columns of texts by their names in the table: one, or two for pairs."""
        pair = {} if self.text_pair_column is None else {"text_pair": self.text_pair_column}
        return {"text": self.text_column, **pair}

    @property
    def is_local(self) -> bool:
        """Whether `path` names something on this machine."""
        return self.path.startswith("/") or "\\" in self.path or self.path[1:3] == ":/"


@hookimpl
def register_data_sources() -> Iterable[Component[DataSource]]:
    """Contribute `hf-dataset`."""
    return [
        Component(
            name="hf-dataset",
            summary="a data set of the Hugging Face hub, or a folder that Dataset.save_to_disk wrote",
            settings=HfDatasetSettings,
            build=_build,
        )
    ]


def _build(settings: HfDatasetSettings) -> DataSource:
    from clsfw_hf_datasets.source import HfDatasetSource

    return HfDatasetSource(settings)
