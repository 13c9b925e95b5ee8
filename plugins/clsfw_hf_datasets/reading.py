"""Reads the rows of one split, and says what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from datasets import ClassLabel, Dataset, Features, List, Value

from clsfw import DataError
from clsfw_hf_datasets.values import RowError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clsfw import Reporter
    from clsfw_hf_datasets import HfDatasetSettings
    from clsfw_hf_datasets.values import Vocabulary

_BATCH = 500


@dataclass(frozen=True)
class Layout:
    """The columns of the tables: `several` labels per text or one, and the `others`, which are kept for slices.

    `texts` are those of the texts, two for pairs.
    """

    several: bool
    others: tuple[str, ...]
    texts: tuple[str, ...] = ("text",)

    def features(self, label: Any) -> Features:
        """Return the features of the tables; `label` is that of one label."""
        columns = {"label": List(label) if self.several else label, "row": Value("int64")}
        return Features(
            dict.fromkeys(self.texts, Value("string")) | columns | {column: Value("string") for column in self.others}
        )


class Reading:
    """Reads one split, and gathers its faults by kind."""

    def __init__(self, where: str, settings: HfDatasetSettings, vocabulary: Vocabulary, layout: Layout) -> None:
        self._where = where
        self._settings = settings
        self._vocabulary = vocabulary
        self._layout = layout
        self._faults: dict[str, list[int]] = {}

    def batches(self, part: Any, features: Features, reporter: Reporter) -> Iterator[dict[str, list[Any]]]:
        """Return the columns of the tables, batch by batch.

        Raises:
            DataError: at the end, if any row has no usable text or label.

        """
        texts = self._layout.texts
        wanted = [*self._settings.text_columns.values(), self._settings.label_column, *self._layout.others]
        part, total = _limited(part, wanted, self._settings.rows)
        done = dropped = 0
        for batch in part.iter(batch_size=_BATCH):
            size = len(next(iter(batch.values())))
            columns: dict[str, list[Any]] = {column: [] for column in (*texts, "label", "row", *self._layout.others)}
            cells = [batch.get(column, [None] * size) for column in wanted]
            for row, values in enumerate(zip(*cells, strict=True), start=done):
                given, (label, *others) = values[: len(texts)], values[len(texts) :]
                if self._is_dropped(given):
                    dropped += 1
                elif (ids := self._checked(row, given, label)) is not None:
                    for column, text in zip(texts, given, strict=True):
                        columns[column].append(text)
                    columns["label"].append(ids)
                    columns["row"].append(row)
                    for column, value in zip(self._layout.others, others, strict=True):
                        columns[column].append(_shown(value, features[column]))
            done += size
            reporter.progress(f"reading {self._where}", done, total, "rows")
            yield columns
        if self._faults:
            raise DataError("\n".join(self._told(words, rows) for words, rows in self._faults.items()))
        if done == dropped:
            raise DataError(f"{self._where}: {'every text is blank' if done else 'has no rows'}")
        if dropped:
            reporter.note(f"{self._where}: dropped {dropped:,} rows with a blank text")

    def _is_dropped(self, given: Sequence[object]) -> bool:
        blank = any(isinstance(text, str) and not text.strip() for text in given)
        return blank and self._settings.empty_text == "drop"

    def _checked(self, row: int, given: Sequence[object], label: object) -> int | list[int] | None:
        """Return the ids of a row's labels, or note what is wrong with the row."""
        try:
            for column, text in zip(self._settings.text_columns.values(), given, strict=True):
                what = "its text" if len(given) == 1 else f"its text in column {column!r}"
                if not isinstance(text, str):
                    kind = "nothing" if text is None else f"a {type(text).__name__}"
                    raise RowError(f"{what} is {kind}, not a string")
                if not text.strip():
                    raise RowError(f'{what} is blank; set empty_text = "drop" to leave such rows out')
            if not self._layout.several:
                return self._vocabulary.id_of(label)
            if label is None:
                raise RowError("it has no list of labels")
            return sorted({self._vocabulary.id_of(value) for value in cast("Sequence[object]", label)})
        except RowError as exc:
            self._faults.setdefault(str(exc), [row, 0])[1] += 1
            return None

    def _told(self, words: str, rows: list[int]) -> str:
        first, count = rows
        return f"{self._where}, row {first}: {words}" + (f" ({count:,} rows in all)" if count > 1 else "")


def _shown(value: Any, feature: Any) -> str:
    if value is None:
        return ""
    return str(feature.int2str(value)) if isinstance(feature, ClassLabel) and value >= 0 else str(value)


def _limited(part: Any, wanted: Sequence[str], rows: int | None) -> tuple[Any, int | None]:
    """Leave out the columns and rows that nobody asked for, and count the rest where that is known."""
    if part.features is not None:
        part = part.select_columns(wanted)  # so that images and the like are not decoded
    if rows is not None:
        part = part.take(min(rows, len(part)) if isinstance(part, Dataset) else rows)
    return part, len(part) if isinstance(part, Dataset) else rows
