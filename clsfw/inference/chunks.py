"""Labels rows chunk by chunk, in memory that does not grow with their number."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from clsfw.errors import DataError
from clsfw.inference.output import Predicted
from clsfw.kit.rows import LONGEST_LINE, decode_line
from clsfw.report.display import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from io import BufferedReader

    from clsfw.contract.parts import Reporter
    from clsfw.inference.classifier import LoadedClassifier
    from clsfw.kit.pairs import Text
    from clsfw.kit.rows import Row

ROWS = 8192
BYTES = 16 * 2**20
"""A chunk ends at so many rows, or with the row whose values reach about so many bytes."""

STDIN = "standard input"
_READ = 2**20


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Cut rows into chunks that fit into memory, however long the texts are."""
    chunk: list[Row] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += weight(row.values)
        if len(chunk) >= ROWS or size >= BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def weight(value: object) -> int:
    """Return about how many bytes a value takes, those within it included; a number in a list takes about 32."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, dict):
        return sum(map(weight, value.values()))
    if isinstance(value, (list, tuple)):
        return 32 * len(value) if not value or isinstance(value[0], (int, float)) else sum(map(weight, value))
    return 32


def predict_chunk(
    classifier: LoadedClassifier, rows: Sequence[Row], texts: Sequence[Text], reporter: Reporter
) -> Predicted:
    """Predict one chunk of rows with these texts.

    Raises:
        PluginError: the trainer's plugin failed.

    """
    probabilities = classifier.predict(texts, Part(reporter)).probabilities
    return Predicted(rows, probabilities, classifier.decide(probabilities))


def lines_as_they_come(stream: BufferedReader) -> Iterator[list[str]]:
    """Return the lines of a stream, as many at once as have arrived, so that whoever types gets an answer to each line.

    Raises:
        DataError: a line is not UTF-8, or too long to be a text.

    """
    number, rest = 1, b""
    while data := stream.read1(_READ):
        while len(data) < _READ and _more_waits(stream) and (more := stream.read1(_READ)):
            data += more
        *whole, rest = (rest + data).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise DataError(f"{STDIN}:{number + len(whole)}: the line is longer than {LONGEST_LINE // 2**20} MiB")
        if whole:
            yield [decode_line(line, STDIN, number + i) for i, line in enumerate(whole)]
            number += len(whole)
    if rest:
        yield [decode_line(rest, STDIN, number)]


def _more_waits(stream: BufferedReader) -> bool:
    try:
        return bool(select.select([stream], [], [], 0)[0])
    except (OSError, ValueError):  # no pipe, or a system that can only ask sockets
        return False
