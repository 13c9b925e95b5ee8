"""Finds the files of each split, and reads their first rows: CSV of any encoding and delimiter, JSON lines, Parquet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, cast

from clsfw.errors import DataError, UsageError
from clsfw.kit.csv_reader import DELIMITERS
from clsfw.kit.rows import format_of, open_rows, separator_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    Files = Mapping[str, Sequence[Path]]

MOST_ROWS = 200_000
"""Of each split; what comes after them is not looked at."""

Kind = Literal["csv", "jsonl", "parquet"]
_KINDS: Mapping[str, Kind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_NAMES = {
    "train": re.compile(r"train|training"),
    "validation": re.compile(r"val|valid|validation|dev"),
    "test": re.compile(r"test|testing"),
}


@dataclass(frozen=True)
class Sample:
    """The first rows of each split, nested columns by dots; `whole` if these are all.

    Data that is not cut has one split with an empty name. `delimiter` is None where the file's name speaks for it.
    """

    kind: Kind
    encoding: str
    delimiter: str | None
    columns: tuple[str, ...]
    parts: Mapping[str, Sequence[Mapping[str, Any]]]
    whole: bool


def find_files(given: Sequence[Path], others: Mapping[str, Path]) -> dict[str, list[Path]]:
    """Say which files are which split: the given ones, and those of the other splits by name; or those of one folder.

    Raises:
        UsageError: a folder holds no file that is called train.
        DataError: there is no such file.

    """
    in_folder = len(given) == 1 and given[0].is_dir()
    found = _in_folder(given[0]) if in_folder else {"train" if others else "": list(given)}
    return {**found, **{split: [path] for split, path in others.items()}}


def _in_folder(folder: Path) -> dict[str, list[Path]]:
    files = sorted(path for path in folder.iterdir() if path.is_file() and _kind(path) is not None)
    found = {
        split: [path for path in files if name.fullmatch(path.name.split(".")[0].lower())]
        for split, name in _NAMES.items()
    }
    if not found["train"]:
        listed = ", ".join(path.name for path in files[:5]) or "no file of rows"
        raise UsageError(f"{folder}: no file is called train.csv or the like; it holds {listed}: name the files")
    return {split: paths for split, paths in found.items() if paths}


def _kind(path: Path) -> Kind | None:
    try:
        return _KINDS.get(format_of(path))
    except DataError:
        return None


def read_sample(files: Files) -> Sample:
    """Read the first rows of all files.

    Raises:
        DataError: one cannot be read, or they are of different kinds.

    """
    every = [path for paths in files.values() for path in paths]
    kinds = {_kind(path) or "csv" for path in every}
    if len(kinds) > 1:
        raise DataError(f"the files are of different kinds: {', '.join(path.name for path in every)}")
    kind = kinds.pop()
    if kind != "csv":
        return _read(files, kind, "utf-8", None)
    failed: DataError | None = None
    for encoding in ("utf-8", "cp1252", "latin-1"):  # the last takes any byte
        try:
            return _read(files, kind, encoding, _delimiter(every[0], encoding))
        except DataError as exc:
            failed = failed or exc
    raise cast("DataError", failed)


def _delimiter(path: Path, encoding: str) -> str:
    with open_rows(path, kind=".csv", encoding=encoding, delimiter=",") as rows:
        header = ",".join(rows.columns)
    return max(DELIMITERS, key=header.count)


def _read(files: Files, kind: Kind, encoding: str, delimiter: str | None) -> Sample:
    columns: dict[str, None] = {}
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for split, paths in files.items():
        rows: list[Mapping[str, Any]] = []
        parts[split] = rows
        for path in paths:
            with open_rows(path, kind=f".{kind}", encoding=encoding, delimiter=delimiter) as found:
                if found.first is None:
                    columns |= dict.fromkeys(found.columns if kind == "csv" else ())
                for row in islice(found, MOST_ROWS - len(rows)):
                    flat = dict(_flat(row.values)) if kind != "csv" else row.values
                    columns |= dict.fromkeys(flat) if kind != "csv" else {}
                    rows.append(flat)
    whole = all(len(rows) < MOST_ROWS for rows in parts.values())
    first = next(iter(files.values()))[0]
    by_name = _kind(first) == "csv" and delimiter == separator_of(first)
    return Sample(kind, encoding, None if by_name else delimiter, tuple(columns), parts, whole)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value
