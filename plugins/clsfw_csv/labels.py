"""From the label values of a file to class ids and names."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

from clsfw import DataError
from clsfw_csv.complaints import short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from clsfw_csv.inputs import FoundFile

MOST_CLASSES = 1000
"""More distinct values than this are taken for a column of texts or numbers, unless they are declared."""

MOST_SHOWN = 10

_NO_LABELS = (
    "it looks like a text, id or number column, so name another label_column, or declare its values under [data.labels]"
)


def carried_labels(files: Iterable[FoundFile], column: str) -> dict[str, str] | None:
    """Return the class names that Parquet files of the `datasets` library carry for a column of class ids.

    Raises:
        DataError: two of the files carry different ones.

    """
    first: tuple[str, dict[str, str] | None] | None = None
    for file in files:
        found = _carried(file, column)
        first = first or (file.name, found)
        if found != first[1]:
            raise DataError(f"{file.name}: has other classes in column {column!r} than {first[0]}")
    return None if first is None else first[1]


def _carried(file: FoundFile, column: str) -> dict[str, str] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        said = json.loads((pq.read_schema(file.path).metadata or {}).get(b"huggingface", b"{}"))
        feature = said["info"]["features"]
        for part in column.split(".") if column not in feature else [column]:
            feature = feature[part]
        feature = feature.get("feature", feature)
        names = [str(name) for name in feature["names"]]
    except (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # it carries none; if it is no Parquet at all, its reader says so
    return {str(number): name for number, name in enumerate(names)}


def infer_labels(values: Iterable[str], name: str, column: str) -> dict[str, str]:
    """Make each distinct value a class named by itself: sorted, whole numbers by size.

    Raises:
        DataError: there are too many of them, each occurs once, or two are likely meant to be one.

    """
    distinct: set[str] = set()
    count = 0
    for value in values:
        count += 1
        distinct.add(value)
        if len(distinct) > MOST_CLASSES:
            raise DataError(f"{name}: column {column!r} holds more than {MOST_CLASSES} different values; {_NO_LABELS}")
    if len(distinct) == count > MOST_SHOWN:
        raise DataError(f"{name}: column {column!r} holds {count} values, and all are different; {_NO_LABELS}")
    _refuse_twins(distinct, name, column)
    numbers = all(value.isascii() and value.isdigit() for value in distinct)
    return {value: value for value in sorted(distinct, key=(lambda v: (int(v), v)) if numbers else None)}


def _refuse_twins(values: Iterable[str], name: str, column: str) -> None:
    seen: dict[str, str] = {}
    for value in sorted(values):
        twin = seen.setdefault(_form(value), value)
        if twin != value:
            raise DataError(
                f"{name}: the labels {twin!r} and {value!r} in column {column!r} look like one; make them alike, "
                "or declare both under [data.labels]"
            )


def _form(value: str) -> str:
    """Return what two spellings of one label share: case, spaces around, 1 and 1.0 and true."""
    bare = value.strip().casefold()
    bare = {"true": "1", "false": "0"}.get(bare, bare)
    try:
        return repr(float(bare))
    except ValueError:
        return bare


def refuse_column(values: Collection[str], name: str, column: str) -> DataError | None:
    """Say that a column with so many undeclared values is hardly the one with the labels."""
    if len(values) <= MOST_SHOWN:
        return None
    count = len(values) if len(values) <= MOST_CLASSES else f"more than {MOST_CLASSES}"
    return DataError(f"{name}: column {column!r} holds {count} different values that are not declared; {_NO_LABELS}")


def undeclared(value: str, declared: Mapping[str, str]) -> str:
    """Say that a label is not among the declared ones, and which one may be meant."""
    same = [known for known in declared if _form(known) == _form(value)]
    near = same or difflib.get_close_matches(value, declared, n=1)
    hint = f"; did you mean {near[0]!r}? If not," if near else ";"
    known = ", ".join(map(repr, list(declared)[:MOST_SHOWN])) + (", ..." if len(declared) > MOST_SHOWN else "")
    return f"label {short(value)} is not among the declared {known}{hint} declare it under [data.labels]"
