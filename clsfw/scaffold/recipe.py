"""Writes a recipe: one that ships with clsfw, or a new one for a CSV file."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from clsfw.errors import HostError, UsageError
from clsfw.kit.text import clean
from clsfw.recipe.shipped import find_recipe
from clsfw.scaffold.columns import look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw.scaffold.columns import Look

_MOST_DECLARED = 20
_FEW = 10
_SPLITS = 3


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


def recipe_for(
    data: Path, out: Path | None, text_column: str | None = None, label_column: str | None = None
) -> tuple[Path, Look]:
    """Write a commented recipe for a CSV file, and give its path and what was seen in the file.

    Raises:
        DataError: the file cannot be read, or has no column for texts or labels.
        UsageError: a file of that name is there already, or a given column is not in the data.
        HostError: the recipe cannot be written.

    """
    seen = look(data, text_column, label_column)
    stem = re.sub(r"[^a-z0-9_-]+", "-", data.name.split(".")[0].lower()).strip("-_") or "recipe"
    target = out if out is not None else Path(f"{stem}.toml")
    source = os.path.relpath(data.resolve(), target.resolve().parent)
    return _write(target, _text(stem, Path(source).as_posix(), seen).encode()), seen


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


def _text(name: str, source: str, seen: Look) -> str:
    counts = ", ".join(f"{clean(label)!r} {count}" for label, count in seen.labels.most_common(_FEW))
    more = f", and {len(seen.labels) - _FEW} others" if len(seen.labels) > _FEW else ""
    columns = ", ".join(repr(clean(column)) for column in seen.columns)
    amount = f"{seen.rows:,} rows" if seen.whole else f"the first {seen.rows:,} rows"
    data: dict[str, Any] = {
        "use": "csv",
        "source": source,
        "text_column": seen.text_column,
        "label_column": seen.label_column,
    }
    data |= {"encoding": seen.encoding} if seen.encoding != "utf-8" else {}
    data |= {"delimiter": seen.delimiter} if seen.delimiter != "," else {}
    data |= {"empty_text": "drop"} if seen.blank_texts else {}
    parts = [
        f"# Written by `clsfw new recipe` after a look at {amount} of the file.",
        f"# Columns: {columns}.",
        f"# Texts are {seen.mean_length:,.0f} characters long on average.",
        f"# {seen.blank_texts:,} of them are blank, and {seen.repeated_texts:,} repeat another one.",
        f"# Labels: {counts}{more}.",
        "schema = 1",
        _toml({"name": name}) + "seed = 42",
        "",
        "[data]",
        _toml(data).rstrip(),
        "",
        *_labels(seen),
        *_split(seen),
        "",
        "# A baseline that takes seconds: TF-IDF of words and word pairs with logistic regression.",
        "[model]",
        'use = "tfidf"',
        "ngram_range = [1, 2]",
        "sublinear_tf = true",
        "",
        "[trainer]",
        'use = "sklearn-fit"',
        "",
        "# To fine-tune DistilBERT instead, put these in the place of the two tables above:",
        "#",
        "# [model]",
        '# use = "hf-distilbert"',
        '# checkpoint = "distilbert/distilbert-base-uncased"  # from the Hugging Face hub, or a folder',
        "# max_length = 256",
        "#",
        "# [trainer]",
        '# use = "gpu-trainer"',
        "# batch_size = 32",
        "# num_train_epochs = 2.0",
        "# learning_rate = 5e-5",
        '# eval_steps = "epoch"',
        "",
        "[[metrics]]",
        'use = "macro-metrics"',
        "",
    ]
    return "\n".join(parts)


def _labels(seen: Look) -> list[str]:
    usable = seen.whole and len(seen.labels) <= _MOST_DECLARED and all(label.strip() for label in seen.labels)
    if not usable:
        return ["# The values of the label column are the classes, in sorted order.", ""]
    names = {label: clean(label) for label in sorted(seen.labels)}
    return ["# Each value of the label column, and the name to show for it.", "[data.labels]", _toml(names)]


def _split(seen: Look) -> list[str]:
    rare = {label: rows for label, rows in seen.labels_with_text.most_common() if rows < _SPLITS}
    method = "random" if rare else "stratified"
    why = "shuffled by the seed" if rare else "shuffled by the seed, with each class's share kept"
    lines = [
        f"# {method}: {why}; in-order: as the rows stand in the file.",
        *(_told_rare(rare) if rare else ()),
        "[split]",
        f'method = "{method}"',
        "train = 0.8",
        "validation = 0.1",
        "test = 0.1",
    ]
    if seen.repeated_texts:
        lines.append('group_by = "text" # equal texts stay together, so that none leaks into another split')
    return lines


def _told_rare(rare: Mapping[str, int]) -> list[str]:
    some = ", ".join(f"{clean(label)!r} {rows}" for label, rows in list(rare.items())[:_FEW])
    more = f", and {len(rare) - _FEW} others" if len(rare) > _FEW else ""
    return [
        f"# Too few rows to have one in each of the {_SPLITS} splits: {some}{more}.",
        "# A run is refused if none of a class's rows falls into train: then add rows, leave the class out, or try",
        "# another seed.",
    ]


def _toml(table: dict[str, Any]) -> str:
    return tomli_w.dumps(table)
