"""The tables of a recipe that `new recipe --model NAME` writes: what learns, and what trains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TFIDF, EMBED = "tfidf", "embed"
CHECKPOINTS: Mapping[str, str] = {
    EMBED: "sentence-transformers/all-MiniLM-L6-v2",
    "minilm": "nreimers/MiniLM-L6-H384-uncased",
    "distilbert": "distilbert/distilbert-base-uncased",
    "modernbert": "answerdotai/ModernBERT-base",
}
"""The checkpoint on the Hugging Face hub behind each name."""

_TFIDF = """\
# A baseline that takes seconds: TF-IDF of words and word pairs with logistic regression.
[model]
use = "tfidf"
ngram_range = [1, 2]
sublinear_tf = true

[trainer]
use = "sklearn-fit"
"""

_EMBED = """\
# The embeddings of a sentence encoder, which stays as it is, with logistic regression: in minutes without a GPU.
[model]
use = "embed"
checkpoint = "{checkpoint}"  # from the Hugging Face hub, or a folder

[trainer]
use = "sklearn-fit"
"""

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

_SEARCHED: Mapping[str, Mapping[str, str]] = {
    TFIDF: {  # the seed changes nothing
        "seeds": "2",
        "trials": "20",
        "halving": "",
        "space": '"trainer.C" = { low = 0.3, high = 300.0, log = true }\n'
        '"model.ngram_range" = { choices = [[1, 1], [1, 2]] }\n'
        '"model.sublinear_tf" = { choices = [true, false] }',
    },
    EMBED: {
        "seeds": "2",
        "trials": "10",
        "halving": "",
        "space": '"trainer.C" = { low = 0.3, high = 300.0, log = true }',
    },
    "": {
        "seeds": "5",
        "trials": "12",
        "halving": "halving = { at = [0.33, 0.66], keep = 0.34 } # after one epoch, and after two\n",
        "space": '"trainer.learning_rate" = { low = 1e-5, high = 2e-4, log = true }\n'
        '"trainer.batch_size" = { choices = [16, 32] }',
    },
}
"""A study of the linear baseline, of the linear head on embeddings, and of an encoder."""


def model_tables(model: str, *, pairs: bool) -> list[str]:
    """Return the lines of `[model]` and `[trainer]`; with the baseline come those of an encoder, as comments."""
    if model != TFIDF:
        return [(_EMBED if model == EMBED else _ENCODER).format(checkpoint=CHECKPOINTS[model])]
    other = _ENCODER.format(checkpoint=CHECKPOINTS["distilbert"]).splitlines()
    weak = "# It does not see which words both texts of a pair have in common, so expect little of it.\n"
    return [
        (weak if pairs else "") + _TFIDF,
        "# To fine-tune DistilBERT instead, put these in the place of the two tables above:",
        "#",
        *(f"# {line}".rstrip() for line in other),
        "",
    ]


def study_tables(model: str) -> str:
    """Return the lines of `[study]`: a search for settings."""
    return _STUDY.format(**_SEARCHED.get(model, _SEARCHED[""]))
