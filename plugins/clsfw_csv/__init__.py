"""Data sources `csv` and `imdb-csv`: labelled texts from a CSV file, local or by URL, plain or compressed."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from clsfw import Component, PathOrUrl, Settings, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clsfw import DataSource

_NO_ENCODINGS = ("unicode-escape", "raw-unicode-escape", "idna", "punycode")  # codecs of names and of source code


class CsvSettings(Settings):
    """What `use = "csv"` takes."""

    source: PathOrUrl = Field(
        description="the CSV file: a path, or an https URL; plain or compressed by bz2, gzip or xz, told by its content"
    )
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-fA-F]{64}$",
        description="the SHA-256 of the file as it is stored (compressed, if it is); another content is refused",
    )
    rows: int | None = Field(None, ge=1, description="take the first so many data rows; all rows if left out")
    text_column: str = Field("text", min_length=1, description="the column that holds the texts")
    label_column: str = Field("label", min_length=1, description="the column that holds the labels")
    labels: dict[str, str] | None = Field(
        None,
        description="each value of the label column with the name to show for it, in the order of the class ids; "
        "if left out, the values in the file are the names, in sorted order",
    )
    label_separator: str | None = Field(
        None, min_length=1, description="what stands between the labels of one text, where a text may carry several"
    )
    encoding: str = Field("utf-8", description="the character encoding of the file; a byte order mark is accepted")
    delimiter: str = Field(",", min_length=1, max_length=1, description="the character between two fields")
    empty_text: Literal["error", "drop"] = Field(
        "error", description="what to do with a row whose text is blank: refuse the file, or drop the row and say so"
    )
    max_bytes: int = Field(
        4 * 2**30, ge=1, description="the largest size that a download or an unpacked file may reach, in bytes"
    )

    @field_validator("sha256")
    @classmethod
    def _lower(cls, value: str | None) -> str | None:
        return None if value is None else value.lower()

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

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            "".encode(value)  # refuses codecs such as hex, which give no text
            if codecs.lookup(value).name in _NO_ENCODINGS:
                raise LookupError(value)
        except (LookupError, ValueError) as exc:
            raise ValueError(f"unknown encoding {value!r}; try 'utf-8', 'latin-1', 'cp1252' or 'utf-16'") from exc
        return value

    @field_validator("delimiter")
    @classmethod
    def _usable(cls, value: str) -> str:
        if value in '"\r\n\0\ufeff':
            raise ValueError(f"{value!r} cannot stand between fields; try ',', ';' or '\\t'")
        return value

    @model_validator(mode="after")
    def _two_columns(self) -> CsvSettings:
        if self.text_column == self.label_column:
            raise ValueError(f"text_column and label_column are both {self.text_column!r}")
        return self


class ImdbCsvSettings(CsvSettings):
    """What `use = "imdb-csv"` takes: `csv` with the columns and labels of the movie reviews."""

    text_column: str = Field("review", min_length=1, description="the column that holds the texts")
    label_column: str = Field("sentiment", min_length=1, description="the column that holds the labels")
    labels: dict[str, str] | None = Field(
        {"negative": "NEGATIVE", "positive": "POSITIVE"},
        description="each value of the label column with the name to show for it, in the order of the class ids",
    )


@hookimpl
def register_data_sources() -> Iterable[Component[DataSource]]:
    """Contribute `csv` and `imdb-csv`."""
    return [
        Component(
            name="csv",
            summary="labelled texts from a CSV file or URL, read strictly",
            settings=CsvSettings,
            build=_build,
        ),
        Component(
            name="imdb-csv",
            summary="the movie reviews of the Large Movie Review Dataset as one CSV file",
            settings=ImdbCsvSettings,
            build=_build,
        ),
    ]


def _build(settings: CsvSettings) -> DataSource:
    from clsfw_csv.source import CsvSource

    return CsvSource(settings)
