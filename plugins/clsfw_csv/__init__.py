"""Data sources `csv`, `jsonl`, `parquet` and `imdb-csv`: labelled texts from files of rows, local or by URL."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from clsfw import Component, PathOrUrl, Settings, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clsfw import DataSource

_NO_ENCODINGS = ("unicode-escape", "raw-unicode-escape", "idna", "punycode")  # codecs of names and of source code

Column = Annotated[str, Field(min_length=1)]
Files = PathOrUrl | tuple[PathOrUrl, ...]
Split = Literal["train", "validation", "test"]
Hash = Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$"), AfterValidator(str.lower)]
Hashes = Hash | tuple[Hash, ...]


@dataclass(frozen=True)
class Csv:
    """How a CSV file is written; no delimiter means the one that its name speaks for."""

    encoding: str = "utf-8"
    delimiter: str | None = None


class RowSettings(Settings):
    """What every source of rows takes, be they in files or not."""

    kind: ClassVar[Literal[".csv", ".jsonl", ".parquet"]]

    rows: int | None = Field(
        None, ge=1, description="take the first so many data rows, of each split where the source says what is which"
    )
    text_column: Column | tuple[Column, ...] = Field(
        "text", description="the column that holds the texts, or a list of columns that are joined to one text"
    )
    text_separator: str | None = Field(
        None,
        description="what joins the texts of several columns; if left out, the model's own token between two texts, or "
        "else a line end",
    )
    text_pair_column: Column | None = Field(
        None, description="the column that holds the second texts, where each row is a pair of texts"
    )
    label_column: Column = Field("label", description="the column that holds the labels")
    labels: dict[str, str] | None = Field(
        None,
        description="each value of the label column with the name to show for it, in the order of the class ids; "
        "if left out, the values in the file are the names, in sorted order",
    )
    label_separator: str | None = Field(
        None, min_length=1, description="the separator between the labels of one text, where a text may carry several"
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

    @model_validator(mode="after")
    def _different_columns(self) -> RowSettings:
        columns = self.text_columns
        if not columns:
            raise ValueError("text_column must name a column")
        if self.label_column in columns:
            raise ValueError(f"text_column and label_column are both {self.label_column!r}")
        if len(set(columns)) < len(columns):
            raise ValueError("text_column names a column twice")
        if self.text_pair_column in columns:
            raise ValueError(f"text_column and text_pair_column are both {self.text_pair_column!r}")
        if self.text_pair_column == self.label_column:
            raise ValueError(f"text_pair_column and label_column are both {self.label_column!r}")
        return self

    @property
    def csv(self) -> Csv:
        """How CSV is written, which matters to no other file."""
        return Csv()

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns of texts, of which there is mostly one."""
        return (self.text_column,) if isinstance(self.text_column, str) else self.text_column

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Each column that the rows must have, after the setting that names it."""
        pair = [("text_pair_column", self.text_pair_column)] if self.text_pair_column is not None else []
        texts = [("text_column", column) for column in self.text_columns]
        return (*texts, *pair, ("label_column", self.label_column))

    @property
    def largest(self) -> int | None:
        """The largest size that an unpacked file may have, in bytes."""
        return None


class FileSettings(RowSettings):
    """What every source of files takes."""

    source: Files | dict[Split, Files] = Field(
        description="the file: a path, a pattern or an https URL; or a list of them, or a table with those of train, "
        "validation and test"
    )
    sha256: Hashes | dict[Split, Hashes] | None = Field(
        None,
        description="the SHA-256 of the file as it is stored (compressed, if it is), or those of all files in the form "
        "of source; another content is refused",
    )
    max_bytes: int = Field(
        4 * 2**30, ge=1, description="the largest size that a download or an unpacked file may reach, in bytes"
    )

    @model_validator(mode="after")
    def _sound_source(self) -> FileSettings:
        if not all(self.files.values()) or not self.files:
            raise ValueError("source names no file")
        if isinstance(self.source, dict) and "train" not in self.source:
            raise ValueError("source must say which file is train")
        if self.sha256 is not None and isinstance(self.sha256, dict) != isinstance(self.source, dict):
            raise ValueError("sha256 must be written as source is: both or none of them as a table of splits")
        for split, hashes in self.hashes.items():
            if split not in self.files:
                raise ValueError(f"sha256 pins {split}, of which source names no file")
            if not any(char in file for file in self.files[split] for char in "*?[") and len(hashes) != len(
                self.files[split]
            ):
                raise ValueError(pinned_count(len(hashes), len(self.files[split])))
        return self

    @property
    def files(self) -> dict[str, tuple[str, ...]]:
        """The files by split; of a source that says nothing of splits they are under an empty name."""
        given = self.source if isinstance(self.source, dict) else {"": self.source}
        return {split: (files,) if isinstance(files, str) else files for split, files in given.items()}

    @property
    def hashes(self) -> dict[str, tuple[str, ...]]:
        """The pinned hashes of the files of each split that has some, in the order of its files."""
        given = self.sha256 if isinstance(self.sha256, dict) else {"": self.sha256}
        pinned = {split: hashes for split, hashes in given.items() if hashes is not None}
        return {split: (hashes,) if isinstance(hashes, str) else hashes for split, hashes in pinned.items()}

    @property
    def largest(self) -> int | None:
        """The largest size that an unpacked file may have, in bytes."""
        return self.max_bytes


def pinned_count(hashes: int, files: int) -> str:
    """Say that there is not one hash for each file."""
    return f"sha256 pins {hashes} file{'' if hashes == 1 else 's'}, and source names {files}; give one hash for each"


class JsonlSettings(FileSettings):
    """What `use = "jsonl"` takes; a column within an object of a row is named as in `meta.title`."""

    kind = ".jsonl"


class ParquetSettings(FileSettings):
    """What `use = "parquet"` takes; a column within a struct is named as in `meta.title`."""

    kind = ".parquet"


class CsvSettings(FileSettings):
    """What `use = "csv"` takes."""

    kind = ".csv"

    encoding: str = Field("utf-8", description="the character encoding of the file; a byte order mark is accepted")
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="the character between two fields; if left out, a tab in a .tsv file and a comma in any other",
    )

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
    def _usable(cls, value: str | None) -> str | None:
        if value is not None and value in '"\r\n\0\ufeff':
            raise ValueError(f"{value!r} cannot separate fields; try ',', ';' or '\\t'")
        return value

    @property
    def csv(self) -> Csv:
        """How the file is written."""
        return Csv(self.encoding, self.delimiter)


class ImdbCsvSettings(CsvSettings):
    """What `use = "imdb-csv"` takes: `csv` with the columns and labels of the movie reviews."""

    text_column: Column | tuple[Column, ...] = Field(
        "review", description="the column that holds the texts, or a list of columns that are joined to one text"
    )
    label_column: Column = Field("sentiment", description="the column that holds the labels")
    labels: dict[str, str] | None = Field(
        {"negative": "NEGATIVE", "positive": "POSITIVE"},
        description="each value of the label column with the name to show for it, in the order of the class ids",
    )


@hookimpl
def register_data_sources() -> Iterable[Component[DataSource]]:
    """Contribute `csv`, `imdb-csv`, `jsonl` and `parquet`."""
    found: list[tuple[str, str, type[FileSettings]]] = [
        ("csv", "labelled texts from a CSV file or URL, read strictly", CsvSettings),
        ("imdb-csv", "the movie reviews of the Large Movie Review Dataset as one CSV file", ImdbCsvSettings),
        ("jsonl", "labelled texts from a file or URL of JSON lines, read strictly", JsonlSettings),
        ("parquet", "labelled texts from a Parquet file or URL, read strictly", ParquetSettings),
    ]
    return [Component(name=name, summary=summary, settings=settings, build=_build) for name, summary, settings in found]


def _build(settings: FileSettings) -> DataSource:
    from clsfw_csv.source import FileSource

    return FileSource(settings)
