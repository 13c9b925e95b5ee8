"""A file of rows that `predict` or `evaluate` takes, read as the run's own data was read."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from pydantic import TypeAdapter, ValidationError

from clsfw.contract.parts import RowFormat
from clsfw.errors import DataError, RunDirectoryError, UsageError
from clsfw.kit.csv_reader import csv_rows, likely_delimiter
from clsfw.kit.labels import SEPARATOR, split_labels
from clsfw.kit.pairs import PAIR, sides
from clsfw.kit.rows import TEXT, Row, format_of, read_rows, separator_of
from clsfw.kit.text import from_spreadsheet_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from clsfw.contract.parts import Labels
    from clsfw.evidence.content import RunRecord
    from clsfw.inference.classifier import LoadedClassifier
    from clsfw.kit.pairs import Text
    from clsfw.kit.rows import OnFault

LABEL = "label"


@dataclass(frozen=True)
class Reading:
    """What a command line says of the file; None: as the run's own data."""

    text_columns: tuple[str, ...] | None = None
    label_column: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    text_pair_column: str | None = None

    def check(self, own: RowFormat) -> None:
        """Compare with how the run's own data was written.

        Raises:
            UsageError: a column of second texts is asked for, and the run knows no pairs.

        """
        if self.text_pair_column is not None and own.text_pair_column is None:
            raise UsageError("--text-pair-column is for runs on pairs of texts, and this is a run on single texts")


@dataclass(frozen=True)
class RowFile:
    """The rows of a file, and which of their columns hold texts and labels; `name` stands for it in messages."""

    path: Path
    labels: Labels
    asked: Reading = field(default_factory=Reading)
    own: RowFormat = field(default_factory=RowFormat)
    name: str | None = None

    @classmethod
    def of(cls, classifier: LoadedClassifier, path: Path, asked: Reading, name: str | None = None) -> RowFile:
        """Describe a file for a classifier.

        Raises:
            UsageError: a column of second texts is asked for, and the run knows no pairs.

        """
        asked.check(classifier.rows)
        return cls(path, classifier.labels, asked, classifier.rows, name)

    @property
    def shown(self) -> str:
        """What stands for the file in messages."""
        return self.name or str(self.path)

    @property
    def _is_csv(self) -> bool:
        return format_of(self.path) in {".csv", ".tsv"}

    @cached_property
    def by_predict(self) -> bool:
        """Whether it is a CSV file that `predict` wrote, which is UTF-8 with commas whatever the run's own data is."""
        if not self._is_csv or self.asked.delimiter or self.asked.encoding:
            return False
        wanted = {LABEL, *(f"p_{name}" for name in self.labels.names)}
        try:
            return wanted <= set(map(from_spreadsheet_cell, self._header("utf-8", ",")))
        except DataError:
            return False

    @property
    def delimiter(self) -> str:
        """The character between two fields: the one asked for, a tab in `.tsv`, or that of the run's own data."""
        by_name = separator_of(self.path)
        own = "," if self.by_predict else self.own.delimiter
        return self.asked.delimiter or (by_name if by_name != "," else own)

    @property
    def encoding(self) -> str:
        """The character encoding of a CSV file."""
        return self.asked.encoding or ("utf-8" if self.by_predict else self.own.encoding)

    def _header(self, encoding: str, delimiter: str) -> list[str]:
        with csv_rows(self.path, self.shown, encoding=encoding, delimiter=delimiter) as rows:
            return next(rows, (1, []))[1]

    def rows(self, on_fault: OnFault | None = None) -> Iterator[Row]:
        """Return the rows; see `read_rows`. Cells of a CSV file that `predict` wrote are what they were before.

        Raises:
            DataError: as `read_rows`, or there is no column of texts.

        """
        if not self._is_csv:
            yield from read_rows(self.path, name=self.shown, on_fault=on_fault)
            return
        if header := self._header(self.encoding, self.delimiter):
            self.text_columns(header)  # a wrong delimiter is told as such, not as a row with too many fields
        rows = read_rows(
            self.path, name=self.shown, encoding=self.encoding, delimiter=self.delimiter, on_fault=on_fault
        )
        yield from map(_plain, rows) if self.by_predict else rows

    @property
    def pair_column(self) -> str | None:
        """The column of the second texts, of a run on pairs of texts."""
        return self.asked.text_pair_column or self.own.text_pair_column

    def texts(self, rows: Sequence[Row], columns: Sequence[str]) -> list[Text]:
        """Return the text of each row, or both of a pair; those of several columns are joined as in the run.

        Raises:
            DataError: a row holds none.

        """
        try:
            return [text_of(row, replace(self.own, text_columns=tuple(columns)), self.pair_column) for row in rows]
        except ValueError as exc:
            raise DataError(f"{self.shown}:{exc}") from exc

    def with_text(self, rows: Sequence[Row], columns: Sequence[str]) -> list[Row]:
        """Return the rows, without those whose text is blank if the run's own data goes without them.

        Raises:
            DataError: a text is blank, and the run's own data must not have such texts.

        """
        if self.own.empty_text == "keep":
            return list(rows)
        kept = [
            row for row, text in zip(rows, self.texts(rows, columns), strict=True) if all(map(str.strip, sides(text)))
        ]
        if len(kept) < len(rows) and self.own.empty_text == "error":
            blank = next(row for row in rows if row not in kept)
            raise DataError(f"{self.shown}:{blank.number}: the text is blank, and the run's own data has no such texts")
        return kept

    def about(self, columns: Sequence[str], *, labelled: bool = False) -> str:
        """Say in one line how the file is read."""
        words = [f"texts in {' and '.join(map(repr, self.text_columns(columns)))}"]
        if self.pair_column is not None:
            words[0] += f", paired with {self.pair_column!r}"
        if labelled:
            words.append(f"labels in {self.label_column(columns)!r}")
        if self._is_csv:
            words += [f"delimiter {self.delimiter!r}", f"encoding {self.encoding}"]
        return f"reading {self.shown}: {', '.join(words)}"

    def text_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Choose the columns of texts: those asked for, those of the run's own data, or the only one.

        Raises:
            DataError: there is none of these.

        """
        asked = self.asked.text_columns
        if asked is not None:
            wanted = asked
        elif all(_is_among(name, columns) for name in self.own.text_columns):
            wanted = self.own.text_columns
        elif len(columns) == 1 and not (self._is_csv and likely_delimiter(columns, self.delimiter)):
            wanted = tuple(columns)
        else:
            wanted = self.own.text_columns
        for name in wanted:
            if not _is_among(name, columns):
                raise self._no_column(TEXT, name, None if asked is None else name, columns)
        if self.pair_column is not None and not _is_among(self.pair_column, columns):
            raise self._no_column("text-pair", self.pair_column, self.asked.text_pair_column, columns)
        return wanted

    def label_column(self, columns: Sequence[str]) -> str:
        """Choose the column of labels: the one asked for, that of the run's own data, or `label`.

        Raises:
            DataError: there is none of these.

        """
        asked = self.asked.label_column
        for name in [self.own.label_column, LABEL] if asked is None else [asked]:
            if _is_among(name, columns):
                return name
        raise self._no_column(LABEL, asked or self.own.label_column, asked, columns)

    def _no_column(self, kind: str, name: str, asked: str | None, columns: Sequence[str]) -> DataError:
        listed = ", ".join(map(repr, columns)) or "none"
        words = f"{self.shown}: no column {name!r}; the columns are {listed}"
        other = likely_delimiter(columns, self.delimiter) if self._is_csv else None
        if other is not None:
            return DataError(f"{words}; they seem to be separated by {other!r}: say so by --delimiter {other!r}")
        return DataError(words if asked is not None else f"{words}; say which one holds the {kind}s by --{kind}-column")


def read_format(record: RunRecord, directory: Path) -> RowFormat:
    """Return how the rows of a run's own data were written.

    Raises:
        RunDirectoryError: what the run says of them is not as clsfw writes it.

    """
    data = record.get("data", {})
    try:
        found = TypeAdapter(RowFormat).validate_python(data.get("rows") or {})
        return replace(found, text_pair_column=(found.text_pair_column or PAIR) if data.get("pairs") else None)
    except ValidationError as exc:
        raise RunDirectoryError(f"{directory / 'run.json'}: data.rows: {exc.errors()[0]['msg']}") from exc


def text_of(row: Row, rows: RowFormat, pair_column: str | None) -> Text:
    """Return the text of a row, or both of a pair; a text that is missing is a `ValueError` with the row's number."""
    joint = "\n" if rows.text_separator is None else rows.text_separator
    found = []
    for columns in (rows.text_columns, (pair_column,)):
        if columns[0] is not None:
            text = row.text(cast("Sequence[str]", columns), joint)
            if text is None:
                raise ValueError(f"{row.number}: no text in column {' or '.join(map(repr, columns))}")
            found.append(text)
    return found[0] if len(found) == 1 else (found[0], found[1])


def _is_among(name: str, columns: Sequence[str]) -> bool:
    """Return whether there is a column, or one that may hold it, as in `meta.title`."""
    return name in columns or name.partition(".")[0] in columns


def _plain(row: Row) -> Row:
    """Undo what `predict` does to cells that a spreadsheet would run."""
    return Row(
        row.number, {from_spreadsheet_cell(name): from_spreadsheet_cell(cell) for name, cell in row.values.items()}
    )


class LabelReader:
    """Turns the values of a label column into class ids.

    A value is what the run's own data says for a label, or the label's name, or as a number the class id.
    """

    def __init__(self, file: RowFile) -> None:
        self._labels = file.labels
        self._name = file.shown
        own = SEPARATOR if file.by_predict else file.own.label_separator or SEPARATOR
        self._separators = dict.fromkeys((own, SEPARATOR))
        self._ids = {label: i for i, label in enumerate(file.labels.names)}
        given = file.own.labels or {}
        self._ids |= {str(value): self._ids[shown] for value, shown in given.items() if shown in self._ids}

    def read(self, rows: Sequence[Row], column: str) -> list[int] | list[list[int]]:
        """Return a class id for each row, or with several labels per text a list of them.

        Raises:
            DataError: a row has no label, or one that the model does not know.

        """
        if not self._labels.multi_label:
            return [self._id(row, row.at(column)) for row in rows]
        several = ((row, self._several(row, row.at(column))) for row in rows)
        return [sorted({self._id(row, value) for value in values}) for row, values in several]

    def _several(self, row: Row, value: Any) -> list[Any]:
        if value is None or isinstance(value, str):
            # First as the run's own data has them, then as clsfw writes them.
            ways = [split_labels(value or "", separator) for separator in self._separators]
            return next((way for way in ways if all(name in self._ids for name in way)), ways[0])
        if not isinstance(value, list):
            raise DataError(
                f"{self._name}:{row.number}: the labels of a text must be a list, or joined by {SEPARATOR!r}"
            )
        return value

    def _id(self, row: Row, value: Any) -> int:
        place = f"{self._name}:{row.number}"
        if value is None or value == "":
            raise DataError(f"{place}: no label")
        if isinstance(value, int) and not isinstance(value, bool) and str(value) not in self._ids:
            if 0 <= value < len(self._labels.names):
                return value
            raise DataError(f"{place}: class id {value} is not from 0 to {len(self._labels.names) - 1}")
        found = self._ids.get(str(value))
        if found is None:
            near = difflib.get_close_matches(str(value), list(self._ids), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it knows {', '.join(map(repr, self._ids))}"
            raise DataError(f"{place}: the model does not know the label {value!r}{hint}")
        return found
