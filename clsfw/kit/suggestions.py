"""Guesses what was meant: the near name, the table that a key belongs in, the name that a key has here."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_LONGEST = 60  # characters
_MOST_LISTED = 15  # names

RENAMED = {
    "accumulation_steps": "gradient_accumulation_steps",
    "clip_grad_norm": "max_grad_norm",
    "component": "use",
    "dev": "validation",
    "early_stopping": "early_stopping_patience",
    "epochs": "num_train_epochs",
    "eval": "validation",
    "eval_every": "eval_steps",
    "evaluation_steps": "eval_steps",
    "file": "source",
    "grad_accumulation": "gradient_accumulation_steps",
    "gradient_clip_val": "max_grad_norm",
    "label_smoothing": "label_smoothing_factor",
    "limit": "rows",
    "log_every": "logging_steps",
    "lr": "learning_rate",
    "lr_scheduler": "lr_scheduler_type",
    "max_epochs": "num_train_epochs",
    "max_len": "max_length",
    "max_seq_length": "max_length",
    "metric": "metrics",
    "model_name": "checkpoint",
    "model_name_or_path": "checkpoint",
    "nrows": "rows",
    "num_epochs": "num_train_epochs",
    "path": "source",
    "patience": "early_stopping_patience",
    "per_device_train_batch_size": "batch_size",
    "pretrained": "checkpoint",
    "pretrained_model_name_or_path": "checkpoint",
    "random_state": "seed",
    "save_every": "save_steps",
    "scheduler": "lr_scheduler_type",
    "steps": "max_steps",
    "train_batch_size": "batch_size",
    "type": "use",
    "url": "source",
    "val": "validation",
    "valid": "validation",
    "wd": "weight_decay",
}
"""Names that people bring from `TrainingArguments` and other tools, with the name that the same thing has here."""


def near(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like this one, if any is."""
    names = sorted(known)
    for cutoff_name in (name, name.lower().replace("-", "_"), name.lower().replace("_", "-")):
        found = difflib.get_close_matches(cutoff_name[:100], names, n=1, cutoff=0.65)
        if found:
            return found[0]
    return None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or nothing."""
    found = near(name, known)
    return f"; did you mean {found!r}?" if found else ""


def offer(name: str, known: Iterable[str], what: str = "available") -> str:
    """Return the near name, if any, and all names that can be had."""
    names = sorted(known)
    return f"{did_you_mean(name, names) or ';'} {what}: {listed(names)}"


def short(name: str) -> str:
    """Quote a name that a user gave, cut where it is too long to read."""
    return repr(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...")


def listed(names: Iterable[str]) -> str:
    """Write names out."""
    return ", ".join(repr(name) for name in names) or "none"


def unknown_key(
    name: str,
    own: Iterable[str],
    elsewhere: Mapping[str, Iterable[str]],
    *,
    choices: Mapping[str, str] | None = None,
    component: str | None = None,
) -> str:
    """Say what to do about a key that its table does not have.

    `own` are the keys that the table has; `elsewhere` those of the other tables, by how a message names the table;
    `choices` are the words that own keys may be set to, each with its key; `component` is what the table uses.
    """
    own = set(own)
    for table, keys in elsewhere.items():
        if name in keys:
            return f"unknown key here; it belongs {table}"
    meant = RENAMED.get(name.lower(), "")
    if meant in own:
        return f"unknown key; it is called {meant!r} here"
    found = near(name, own)
    if found:
        return f"unknown key; did you mean {found!r}?"
    for table, keys in elsewhere.items():
        found = meant if meant in keys else near(name, keys)
        if found:
            return f"unknown key; did you mean {found!r}, which belongs {table}?"
    return _not_guessed(name, own, choices or {}, component)


def _not_guessed(name: str, own: Collection[str], choices: Mapping[str, str], component: str | None) -> str:
    words = difflib.get_close_matches(name[:_LONGEST], choices, n=1, cutoff=0.75)  # "no_cuda" is not "cuda"
    if words:
        return f'unknown key; did you mean {choices[words[0]]} = "{words[0]}"?'
    if component is not None and len(own) > _MOST_LISTED:
        return f"unknown key; `clsfw schema --component {component}` shows all that there are"
    return f"unknown key; known are {listed(sorted(own))}"
