"""`predictions.csv`: every test row with its true and predicted label, and how sure the model was.

Columns: `row` (number in the source), `gold`, `predicted`, `score` (the probability of what is predicted; not where a
text may carry several labels), `p_<label>` for each class, `tokens`, `truncated`, `text_hash` (64 bits of BLAKE2b, in
hexadecimal), by which runs are known to have seen the same texts. Several labels of one text are in one cell, joined
by `|`. Probabilities keep all digits that a float32 has. Text that a spreadsheet
would run as a formula gets a `'` before it, which `read_predictions` takes away again.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.errors import RunDirectoryError
from clsfw.kit.labels import join_labels, split_labels
from clsfw.kit.text import csv_line, encodable, from_spreadsheet_cell, spreadsheet_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels, Prediction

    Ints = NDArray[np.int64]

_FIRST = ("row", "gold", "predicted")
_SCORE = "score"
_LAST = ("tokens", "truncated", "text_hash")
_PIECE = 5_000  # rows that are in memory as text at a time


@dataclass(frozen=True, repr=False)
class PredictionTable:
    """What `predictions.csv` holds, N rows of C classes.

    `references` and `predictions`: int [N] of class ids, or 0/1 [N, C] where any text carries not exactly one label.
    `rows`, `tokens`: int [N]; `probabilities`: float32 [N, C]; `truncated`: bool [N];
    `text_hashes`: uint64 [N].
    """

    labels: tuple[str, ...]
    rows: Ints
    references: Ints
    predictions: Ints
    probabilities: NDArray[np.float32]
    tokens: Ints
    truncated: NDArray[np.bool_]
    text_hashes: NDArray[np.uint64]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rows)

    def __repr__(self) -> str:
        """Return one line."""
        return f"<PredictionTable of {len(self):,} rows, {len(self.labels)} classes>"

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with the columns of predictions.csv; where a text may carry several labels, cells are lists.

        `right` is added: whether all labels of the row are right.
        """
        import pandas as pd

        columns: dict[str, Any] = {
            "row": self.rows,
            "gold": self._labels_of(self.references),
            "predicted": self._labels_of(self.predictions),
            "right": self.right,
        }
        if self.predictions.ndim == 1:
            columns[_SCORE] = self.probabilities[np.arange(len(self)), self.predictions]
        columns |= {f"p_{name}": self.probabilities[:, i] for i, name in enumerate(self.labels)}
        return pd.DataFrame({**columns, "tokens": self.tokens, "truncated": self.truncated})

    def _labels_of(self, ids: Ints) -> list[Any]:
        if ids.ndim == 1:
            return [self.labels[i] for i in ids.tolist()]
        return [[self.labels[i] for i in np.flatnonzero(row)] for row in ids]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether all labels of a row are right, [N]."""
        side_by_side = self.references.reshape(len(self), -1) == self.predictions.reshape(len(self), -1)
        right: NDArray[np.bool_] = side_by_side.all(axis=1)
        return right


def predictions_csv(
    labels: Labels,
    rows: Ints,
    text_hashes: NDArray[np.uint64],
    references: Ints,
    *,
    predictions: Ints,
    prediction: Prediction,
) -> Iterator[bytes]:
    """Return the file in pieces of some thousand rows, each made when it is asked for.

    `text_hashes` are those of the texts as they are, [N]. `references` and `predictions` are int [N] of class ids, or
    0/1 [N, C]; `prediction` holds the final probabilities.
    """
    score = () if labels.multi_label else (_SCORE,)
    header = [*_FIRST, *score, *(_cell(f"p_{name}") for name in labels.names), *_LAST]
    yield csv_line(header).encode()
    gold, predicted = _names(labels, references), _names(labels, predictions)
    flags = ("false", "true")
    for start in range(0, len(rows), _PIECE):
        here = slice(start, start + _PIECE)
        lines = []
        for i, (row, text_hash) in enumerate(zip(rows[here].tolist(), text_hashes[here].tolist(), strict=True), start):
            # str() of a numpy float32 gives the fewest digits that read back as the same float32.
            probabilities = [str(p) for p in prediction.probabilities[i]]
            tokens, truncated = int(prediction.tokens[i]), flags[int(prediction.truncated[i])]
            last = (tokens, truncated, f"{text_hash:016x}")
            sure = [probabilities[int(predictions[i])]] if score else []
            lines.append(csv_line([row, next(gold), next(predicted), *sure, *probabilities, *last]))
        yield "".join(lines).encode()


def read_predictions(path: Path) -> PredictionTable:
    """Read a file that `predictions_csv` wrote.

    Raises:
        RunDirectoryError: the file is missing, or is not such a file.

    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return _parse(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, IndexError, OverflowError) as exc:
        raise RunDirectoryError(f"{path} cannot be read as predictions: {exc}") from exc


def _cell(text: str) -> str:
    return spreadsheet_cell(encodable(text))


def _names(labels: Labels, ids: Ints) -> Iterator[str]:
    if not labels.multi_label:
        cells = [_cell(name) for name in labels.names]
        yield from (cells[i] for i in ids)
        return
    for row in ids:
        yield _cell(join_labels(labels.names[i] for i in np.flatnonzero(row)))


def _parse(lines: Iterator[list[str]]) -> PredictionTable:
    header = next(lines, None)
    if header is None:
        raise ValueError("it is empty")
    if tuple(header[:3]) != _FIRST or tuple(header[-3:]) != _LAST:
        raise ValueError(f"its columns are {', '.join(map(repr, header[:6]))}")
    first = len(_FIRST) + (header[len(_FIRST)] == _SCORE)  # the column of the first class, which begins by `p_`
    names = tuple(from_spreadsheet_cell(name).removeprefix("p_") for name in header[first:-3])
    if not names or len(set(names)) < len(names):
        raise ValueError("each label must have one column of probabilities")
    cells: dict[str, int] = {}  # those of labels, which are few, by numbers in the order in which they are met
    parts = [_columns([], first, len(header), cells, 2)]
    number = 2
    while body := list(islice(lines, _PIECE)):
        parts.append(_columns(body, first, len(header), cells, number))
        number += len(body)
    rows, pairs, probabilities, tokens, truncated, hashes = map(np.concatenate, zip(*parts, strict=True))
    references, predictions = _ids(names, list(cells), pairs)
    return PredictionTable(names, rows, references, predictions, probabilities, tokens, truncated, hashes)


def _columns(
    body: Sequence[Sequence[str]], first: int, width: int, cells: dict[str, int], number: int
) -> tuple[NDArray[Any], ...]:
    """Return some lines, the first of which is record `number`, as columns; cells of labels [N, 2] by their numbers."""
    wrong = next((i for i, line in enumerate(body) if len(line) != width), None)
    if wrong is not None:
        raise ValueError(f"record {number + wrong} has {len(body[wrong])} fields, the header has {width}")
    pairs = [[cells.setdefault(cell, len(cells)) for cell in line[1:3]] for line in body]
    return (
        np.array([int(line[0]) for line in body], np.int64),
        np.array(pairs, np.int64).reshape(-1, 2),
        np.array([line[first:-3] for line in body], dtype=np.float32).reshape(len(body), width - first - 3),
        np.array([int(line[-3]) for line in body], np.int64),
        np.array([line[-2] == "true" for line in body], np.bool_),
        np.array([int(line[-1], 16) for line in body], np.uint64),
    )


def _ids(names: tuple[str, ...], cells: Sequence[str], pairs: Ints) -> tuple[Ints, Ints]:
    """Turn cells back into class ids, or into 0/1 rows where one holds no label or several; `pairs` are [N, 2]."""
    of_name = {name: i for i, name in enumerate(names)}
    plain = [from_spreadsheet_cell(cell) for cell in cells]
    if all(cell in of_name for cell in plain):
        ids = np.array([of_name[cell] for cell in plain], np.int64)[pairs]
        return ids[:, 0], ids[:, 1]
    matrix = np.zeros((len(plain), len(names)), np.int64)
    for number, cell in enumerate(plain):
        for name in split_labels(cell):
            if name not in of_name:
                record = int((pairs == number).any(axis=1).argmax()) + 2
                raise ValueError(f"record {record}: {name!r} is not a label of the header")
            matrix[number, of_name[name]] = 1
    return matrix[pairs[:, 0]], matrix[pairs[:, 1]]
