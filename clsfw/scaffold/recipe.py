"""Writes a recipe: one that ships with clsfw, or a new one for files of rows."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from clsfw.errors import DataError, HostError, UsageError
from clsfw.kit.text import clean
from clsfw.recipe.shipped import find_recipe
from clsfw.scaffold.columns import look
from clsfw.scaffold.models import EMBED, TFIDF, model_tables, study_tables
from clsfw.scaffold.samples import find_files, read_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.scaffold.columns import Look
    from clsfw.scaffold.samples import Sample

_MOST_DECLARED = 20
_FEW = 10


@dataclass(frozen=True)
class Written:
    """A recipe that was written, what was seen in the data, and what its owner should know of it."""

    path: Path
    seen: Look
    doubts: tuple[str, ...]


def copy_recipe(name: str, out: Path | None) -> list[Path]:
    """Copy a recipe, and the data file beside it if it has one; give what was written.

    Raises:
        RecipeError: there is no such recipe.
        UsageError: a file of that name is there already.
        HostError: the files cannot be read or written.

    """
    source = find_recipe(name)
    target = out if out is not None else Path(source.name)
    try:
        text = source.read_bytes()
        copies = {target: text}
        data = tomllib.loads(text.decode("utf-8")).get("data", {}).get("source", "")
        if isinstance(data, str) and data and "://" not in data and not Path(data).is_absolute():
            copies[target.parent / data] = (source.parent / data).read_bytes()
    except (OSError, ValueError) as exc:
        raise HostError(f"{source}: cannot be copied: {exc}") from exc
    return [_write(path, content) for path, content in copies.items()]


def recipe_for(  # what a person may say of data
    data: Sequence[Path],
    out: Path | None = None,
    *,
    others: Mapping[str, Path] | None = None,
    text_column: str | None = None,
    text_pair_column: str | None = None,
    label_column: str | None = None,
    model: str = TFIDF,
    study: bool = False,
) -> Written:
    """Write a commented recipe for files of rows, or a folder of them; `others` are files of validation and test.

    With `study` it has a search for settings.

    Raises:
        DataError: a file cannot be read, or has no column for texts or labels.
        UsageError: a file of that name is there already, or a given column is not in the data.
        HostError: the recipe cannot be written.

    """
    files = find_files(data, others or {})
    try:
        sample = read_sample(files)
        seen = look(sample, text_column, label_column, text_pair_column)
    except DataError as exc:
        if any(str(path) in str(exc) for paths in files.values() for path in paths):
            raise
        raise DataError(f"{data[0]}: {exc}") from exc
    except UsageError as exc:
        raise UsageError(f"{data[0]}: {exc}") from exc
    if model == EMBED and seen.pair_column is not None:
        sides = f"{seen.text_column!r} and {seen.pair_column!r}"
        raise UsageError(
            f"{data[0]}: {model} does not take pairs of texts, which {sides} seem to be; choose another --model, or "
            "name one column with --text-column"
        )
    stem = re.sub(r"[^a-z0-9_-]+", "-", data[0].resolve().name.split(".")[0].lower()).strip("-_") or "recipe"
    target = out if out is not None else Path(f"{stem}.toml")
    doubts = tuple(_doubts(sample, seen))
    text = _text(stem, _source(files, target), sample, seen, doubts, model)
    if study:
        text += study_tables(model)
    return Written(_write(target, text.encode()), seen, doubts)


def _source(files: Mapping[str, Sequence[Path]], target: Path) -> Any:
    """Name the files as seen from the recipe."""
    folder = target.resolve().parent

    def named(paths: Sequence[Path]) -> Any:
        seen = [Path(os.path.relpath(path.resolve(), folder)).as_posix() for path in paths]
        return seen[0] if len(seen) == 1 else seen

    return named(files[""]) if "" in files else {split: named(paths) for split, paths in files.items()}


def _doubts(sample: Sample, seen: Look) -> Iterator[str]:
    """Say what the owner of the data should know of it."""
    for split, rows in seen.leaks.items():
        told = f"{rows:,} of {len(sample.parts[split]):,} {split} rows are also in train: scores on them are too good"
        yield f"{told}; take them out of train"
    what = "text" if seen.pair_column is None else "pair"
    if seen.conflicts:
        yield f"{_number(seen.conflicts, what)} with different labels, so no model can be right on every row"
    if seen.repeated_texts:
        yield _number(seen.repeated_texts, f"repeated {what}")
    if rare := _rare(sample, seen):
        some = ", ".join(f"{clean(label)!r} {rows}" for label, rows in list(rare.items())[:_FEW])
        more = f", and {len(rare) - _FEW} others" if len(rare) > _FEW else ""
        yield f"too few rows to have one in each of the {_pieces(sample)} splits: {some}{more}"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _pieces(sample: Sample) -> int:
    """Count the splits that have to be cut out of the first rows."""
    return 1 + sum(split not in sample.parts for split in ("validation", "test"))


def _rare(sample: Sample, seen: Look) -> dict[str, int]:
    pieces = _pieces(sample)
    return {label: rows for label, rows in seen.cut.most_common() if rows < pieces} if pieces > 1 else {}


def _write(path: Path, content: bytes) -> Path:
    if path.exists():
        if path.is_file() and path.read_bytes() == content:
            return path
        raise UsageError(f"{path} is there already; name another file with --out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as exc:
        raise HostError(f"{path}: cannot be written: {exc}") from exc
    return path


def _text(name: str, source: Any, sample: Sample, seen: Look, doubts: Sequence[str], model: str) -> str:  # noqa: PLR0917
    counts = ", ".join(f"{clean(label)!r} {count}" for label, count in seen.labels.most_common(_FEW))
    more = f", and {len(seen.labels) - _FEW} others" if len(seen.labels) > _FEW else ""
    columns = ", ".join(repr(clean(column)) for column in sample.columns)
    amount = f"{seen.rows:,} rows" if sample.whole else f"the first {seen.rows:,} rows"
    data: dict[str, Any] = {"use": sample.kind}
    data |= {} if isinstance(source, dict) else {"source": source}
    data |= {"text_column": seen.text_column}
    data |= {"text_pair_column": seen.pair_column} if seen.pair_column is not None else {}
    data |= {"label_column": seen.label_column}
    data |= {"label_separator": seen.separator} if seen.separator is not None else {}
    data |= {"encoding": sample.encoding} if sample.encoding != "utf-8" else {}
    data |= {"delimiter": sample.delimiter} if sample.delimiter is not None else {}
    data |= {"empty_text": "drop"} if seen.blank_texts else {}
    parts = [
        f"# Written by `clsfw new recipe` after a look at {amount}.",
        f"# Columns: {columns}.",
        *([f"# Each row has a value of its own in {_listed(seen.id_columns)}."] if seen.id_columns else []),
        f"# Texts are {seen.mean_length:,.0f} characters long on average; {seen.blank_texts:,} rows have a blank one.",
        f"# Labels: {counts}{more}.",
        *(f"# Mind: {clean(doubt)}." for doubt in doubts),
        "schema = 1",
        _toml({"name": name}) + "seed = 42",
        "",
        "[data]",
        _toml(data).rstrip(),
        "",
        *(["[data.source]", _toml(source)] if isinstance(source, dict) else []),
        *_labels(sample, seen),
        *_split(sample, seen),
        *model_tables(model, pairs=seen.pair_column is not None),
        "[[metrics]]",
        'use = "macro-metrics"',
        "",
    ]
    return "\n".join(parts)


def _listed(columns: Sequence[str]) -> str:
    return " and ".join(repr(clean(column)) for column in columns)


def _labels(sample: Sample, seen: Look) -> list[str]:
    if not sample.whole or len(seen.labels) > _MOST_DECLARED or not all(label.strip() for label in seen.labels):
        return ["# The values of the label column are the classes, in sorted order.", ""]
    names = {label: clean(label) for label in sorted(seen.labels)}
    return ["# Each value of the label column, and the name to show for it.", "[data.labels]", _toml(names)]


def _split(sample: Sample, seen: Look) -> list[str]:
    missing = [split for split in ("validation", "test") if split not in sample.parts]
    if not missing:
        return []
    plain = bool(_rare(sample, seen)) or seen.several
    method = "random" if plain else "stratified"
    why = "shuffled by the seed" if plain else "shuffled by the seed, with each class's share kept"
    lines = [f"# {method}: {why}; in-order: in the order of the file."]
    if _rare(sample, seen):
        lines += [
            "# A run is refused if none of a class's rows falls into train: then add rows, leave the class out, or try",
            "# another seed.",
        ]
    lines += ["[split]", f'method = "{method}"', *([] if "train" in sample.parts else ["train = 0.8"])]
    lines += [f"{split} = 0.1" for split in missing]
    if seen.repeated_texts:
        lines.append('group_by = "text" # equal texts stay together, so that none leaks into another split')
    return [*lines, ""]


def _toml(table: dict[str, Any]) -> str:
    return tomli_w.dumps(table)
