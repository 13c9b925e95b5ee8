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
from clsfw.scaffold.samples import find_files, read_sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.scaffold.columns import Look
    from clsfw.scaffold.samples import Sample

_MOST_DECLARED = 20
_FEW = 10

MODELS: Mapping[str, str] = {
    "tfidf": """\
# A baseline that takes seconds: TF-IDF of words and word pairs with logistic regression.
[model]
use = "tfidf"
ngram_range = [1, 2]
sublinear_tf = true

[trainer]
use = "sklearn-fit"
""",
    "minilm": "nreimers/MiniLM-L6-H384-uncased",
    "distilbert": "distilbert/distilbert-base-uncased",
    "modernbert": "answerdotai/ModernBERT-base",
}
"""What `--model` takes: the tables of a recipe, or the checkpoint of an encoder on the Hugging Face hub."""

_ENCODER = """\
[model]
use = "hf-encoder"
checkpoint = "{checkpoint}"  # from the Hugging Face hub, or a folder
max_length = 256

[trainer]
use = "gpu-trainer"
batch_size = 32
num_train_epochs = 3.0
learning_rate = 5e-5
eval_steps = "epoch"
load_best_model_at_end = true
metric_for_best_model = "f1"
"""


_STUDY = """
# `clsfw study` searches for better settings on validation, and then trains what it chose and the settings above under
# {seeds} seeds on test. `clsfw run` makes a single run and does not look here.
[study]
seeds = {seeds}

[study.search]
use = "random"
trials = {trials}
metric = "f1"
{halving}
[study.space]
{space}
"""

_SEARCHED: Mapping[bool, Mapping[str, str]] = {
    True: {  # nothing in it hangs on the seed
        "seeds": "2",
        "trials": "20",
        "halving": "",
        "space": '"trainer.C" = { low = 0.3, high = 300.0, log = true }\n'
        '"model.ngram_range" = { choices = [[1, 1], [1, 2]] }\n'
        '"model.sublinear_tf" = { choices = [true, false] }',
    },
    False: {
        "seeds": "5",
        "trials": "12",
        "halving": "halving = { at = [0.33, 0.66], keep = 0.34 } # after one epoch, and after two\n",
        "space": '"trainer.learning_rate" = { low = 1e-5, high = 2e-4, log = true }\n'
        '"trainer.batch_size" = { choices = [16, 32] }',
    },
}
"""A study of the linear baseline, and one of an encoder."""


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
    label_column: str | None = None,
    model: str = "tfidf",
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
        seen = look(sample, text_column, label_column)
    except DataError as exc:
        if any(str(path) in str(exc) for paths in files.values() for path in paths):
            raise
        raise DataError(f"{data[0]}: {exc}") from exc
    except UsageError as exc:
        raise UsageError(f"{data[0]}: {exc}") from exc
    stem = re.sub(r"[^a-z0-9_-]+", "-", data[0].resolve().name.split(".")[0].lower()).strip("-_") or "recipe"
    target = out if out is not None else Path(f"{stem}.toml")
    doubts = tuple(_doubts(sample, seen))
    text = _text(stem, _source(files, target), sample, seen, doubts, model)
    if study:
        text += _STUDY.format(**_SEARCHED[model == "tfidf"])
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
        yield f"{rows:,} of {len(sample.parts[split]):,} {split} rows also occur in train: their scores are too good"
    if seen.conflicts:
        yield f"{seen.conflicts:,} texts have different labels"
    if seen.repeated_texts:
        yield f"{seen.repeated_texts:,} texts repeat another one"
    if rare := _rare(sample, seen):
        some = ", ".join(f"{clean(label)!r} {rows}" for label, rows in list(rare.items())[:_FEW])
        more = f", and {len(rare) - _FEW} others" if len(rare) > _FEW else ""
        yield f"too few rows to have one in each of the {_pieces(sample)} splits: {some}{more}"


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
    data |= {"text_column": seen.text_column, "label_column": seen.label_column}
    data |= {"label_separator": seen.separator} if seen.separator is not None else {}
    data |= {"encoding": sample.encoding} if sample.encoding != "utf-8" else {}
    data |= {"delimiter": sample.delimiter} if sample.delimiter is not None else {}
    data |= {"empty_text": "drop"} if seen.blank_texts else {}
    parts = [
        f"# Written by `clsfw new recipe` after a look at {amount}.",
        f"# Columns: {columns}.",
        *([f"# Each row has a value of its own in {_listed(seen.id_columns)}."] if seen.id_columns else []),
        f"# Texts are {seen.mean_length:,.0f} characters long on average; {seen.blank_texts:,} of them are blank.",
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
        *_model(model),
        "[[metrics]]",
        'use = "macro-metrics"',
        "",
    ]
    return "\n".join(parts)


def _listed(columns: Sequence[str]) -> str:
    return " and ".join(repr(clean(column)) for column in columns)


def _model(model: str) -> list[str]:
    if model != "tfidf":
        return [_ENCODER.format(checkpoint=MODELS[model])]
    other = _ENCODER.format(checkpoint=MODELS["distilbert"]).splitlines()
    return [
        MODELS["tfidf"],
        "# To fine-tune DistilBERT instead, put these in the place of the two tables above:",
        "#",
        *(f"# {line}".rstrip() for line in other),
        "",
    ]


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
