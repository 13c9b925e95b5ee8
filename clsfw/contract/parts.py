"""The protocols that components satisfy by shape, and the small values that pass between them.

Array shapes use N for rows and C for classes. Labels of one row are a class id, or, with several labels per text, a
list of class ids. Optional abilities are protocols of their own, found by `isinstance`: the required ones never grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from typing_extensions import Protocol, runtime_checkable  # of Python 3.12: `isinstance` computes no property

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    import torch
    from datasets import Dataset, DatasetDict
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from clsfw.contract.run import Run, WatchedRun

C_contra = TypeVar("C_contra", contravariant=True)


@dataclass(frozen=True)
class Labels:
    """The classes, in the order of their ids; `multi_label` when one text may carry several of them or none."""

    names: tuple[str, ...]
    multi_label: bool = False


@dataclass(frozen=True)
class Prediction:
    """What a trainer predicts for N texts.

    `probabilities`: float32 [N, C]; rows sum to 1, or with several labels per text each cell is independent.
    `tokens`: int [N], the length of each whole text in the model's own units, special tokens included.
    `truncated`: bool [N], whether the model saw less than the whole text.
    `lost`: int [N, 2], of pairs of texts the tokens of each that the model did not see; None: not known.
    """

    probabilities: NDArray[np.float32]
    tokens: NDArray[np.int64]
    truncated: NDArray[np.bool_]
    lost: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Outcome:
    """What a metric judges.

    `references` and `predictions`: int [N] of class ids, or with several labels per text 0/1 [N, C].
    `probabilities`: float32 [N, C].
    """

    references: NDArray[np.int64]
    predictions: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    labels: Labels


@dataclass(frozen=True)
class TokenizedTexts:
    """`ids`: per text the token ids, special tokens included, cut at the longest input.

    `types`: per pair of texts the token types, as many as ids, if the model has them. The rest: `Prediction`.
    """

    ids: Sequence[Sequence[int]]
    tokens: NDArray[np.int64]
    truncated: NDArray[np.bool_]
    types: Sequence[Sequence[int]] | None = None
    lost: NDArray[np.int64] | None = None


class Reporter(Protocol):
    """Where a component shows the user something; safe to call from any component, never part of the result."""

    def note(self, text: str) -> None:
        """Show a fact worth a line."""

    def warn(self, text: str) -> None:
        """Show what the user should change or know; it is also kept in the report."""

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Show how far a long step is: `done` of `total` (None where unknown), both counted in `unit`."""


class DataSource(Protocol):
    """Reads labelled texts."""

    def load(self, reporter: Reporter) -> Dataset | DatasetDict | Path | Mapping[str, Path]:
        """Return columns `text` (string) and `label` (`ClassLabel`, or a list of them for several labels per text).

        A column `text_pair` (string) makes each row a pair of texts. An int64 column `row` says where a text is in
        its source, from 0; it is added where it is missing. Further columns are kept for the evidence by slices. The
        keys of several splits are out of train, validation, test. A path is of an Arrow file that `datasets` can read.

        Raises:
            DataError: the data cannot be read or breaks its own declaration, with file and line.
            NetworkError: a download failed for good.

        """


class Classifier(Protocol):
    """A model in memory."""

    labels: Labels

    def save(self, directory: Path) -> None:
        """Write all that `Model.load` needs into an existing, empty directory; no pickle."""

    def parameters(self) -> tuple[int, int]:
        """Count all parameters and the trainable ones."""


class Model(Protocol):
    """Knows how to start a classifier and how to get a saved one back."""

    def create(self, labels: Labels, texts: Sequence[str], seed: int, reporter: Reporter) -> Classifier:
        """Start a classifier for these labels; `texts` are the training texts, for vocabularies. Same seed, same bits.

        Raises:
            ModelError: the model's files are missing, damaged or of the wrong kind.

        """

    def load(self, directory: Path) -> Classifier:
        """Get back what `Classifier.save` wrote: same predictions, same label names."""


@runtime_checkable
class TorchClassifier(Protocol):
    """A torch model: what a torch trainer needs of a classifier.

    `module(input_ids=..., attention_mask=...)` takes int64 [B, L] twice and returns an object whose `logits` are
    [B, C]. Its parameters are float32, on the CPU until the trainer moves them.
    """

    labels: Labels
    module: torch.nn.Module
    pad_token_id: int
    max_length: int

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Turn texts into ids, each cut at `max_length`, not padded."""

    def tokenizer_key(self) -> str:
        """Name the exact tokenization (vocabulary, rules, length) by a hash: equal keys give equal ids."""

    def save(self, directory: Path) -> None:
        """As in `Classifier`."""

    def parameters(self) -> tuple[int, int]:
        """As in `Classifier`."""


@runtime_checkable
class LinearClassifier(Protocol):
    """A linear model over features of texts: what `sklearn-fit` needs of a classifier.

    `weights`: float64 [C, F] and `bias`: float64 [C], which the trainer replaces. Scores are
    `features @ weights.T + bias`; their softmax is the probabilities, or with several labels per text the sigmoid
    of each.
    """

    labels: Labels
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def features(self, texts: Sequence[str]) -> csr_matrix | NDArray[np.float64]:
        """Return the features [N, F], sparse or dense; each row depends on its own text alone."""

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of words, or characters, of each text [N]."""

    def save(self, directory: Path) -> None:
        """As in `Classifier`."""

    def parameters(self) -> tuple[int, int]:
        """As in `Classifier`."""


class Trainer(Protocol[C_contra]):
    """Trains a classifier and predicts with it."""

    needs: ClassVar[type[Any]]
    """The runtime-checkable protocol, or the class, that a classifier must satisfy to be trained here."""

    def fit(self, model: C_contra, data: Mapping[str, Dataset], run: Run) -> None:
        """Train in place on `data["train"]`; `data` may also hold validation and test. See `Run` for the duties.

        Raises:
            TrainingError: the loss left the finite numbers, or nothing is left to train on.
            HostError: memory ran out.
            InterruptedRunError: by `run.stop()`, after a checkpoint was committed.

        """

    def predict(self, model: C_contra, texts: Sequence[str], reporter: Reporter) -> Prediction:
        """Predict in the order given, in memory that does not grow with the lengths; same bits for the same call."""


class Metric(Protocol):
    """Scores an outcome."""

    def compute(self, outcome: Outcome) -> Mapping[str, float]:
        """Return finite scores by name, unique over all metrics of a recipe and none of `loss`, `split` and `step`."""


class Watcher:
    """Looks on while a run goes on, and changes nothing of it.

    Each method is optional: inherit from this class, or have some of them. They get their arguments by name, each
    watcher with copies of its own. One that fails is set aside with a warning, unless the recipe says `required`.
    """

    def on_run_start(self, run: WatchedRun) -> None:
        """See a run begin or go on: its directory is locked, data and model are ready, training has not begun."""

    def on_step(self, run: WatchedRun, step: int, values: Mapping[str, float]) -> None:
        """See a logged training step; `values` holds `loss`, and `learning_rate` where the trainer has one."""

    def on_evaluate(self, run: WatchedRun, split: str, scores: Mapping[str, float]) -> None:
        """See an evaluation of `split`, during training (with `step` among the scores) or at the end."""

    def on_run_end(self, run: WatchedRun, error: BaseException | None) -> None:
        """See a run end, complete (`error` is None) or not; called when `on_run_start` was, and the watcher is well."""


@dataclass(frozen=True)
class Range:
    """The values that a setting may have in a search: one of `choices`, or a number from `low` to `high`.

    Whole numbers where `low` and `high` are; with `step` only `low`, `low + step` and so on; `log` says that factors
    count, not differences.
    """

    low: float | None = None
    high: float | None = None
    step: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Trial:
    """A finished trial; a greater `score` is better, None where training diverged."""

    number: int
    values: Mapping[str, Any]
    score: float | None


class Searcher(Protocol):
    """Proposes settings to try."""

    def ask(
        self, space: Mapping[str, Range], finished: Sequence[Trial], number: int, seed: int
    ) -> Mapping[str, Any] | None:
        """Return a value for each setting of the space, for trial `number` (from 1); None if nothing is left to try.

        A pure function: the same arguments give the same values, in any process, so a search that was interrupted goes
        on by asking again. `finished` are the trials before, by their numbers.
        """


class Predictor(Protocol):
    """An exported model in memory."""

    def predict(self, texts: Sequence[str], reporter: Reporter) -> Prediction:
        """Predict in the order given, as `Trainer.predict`."""


class Exporter(Protocol):
    """Turns a trained classifier into files that another library runs; `--precision` is the setting of that name."""

    needs: ClassVar[type[Any]]
    """The runtime-checkable protocol, or the class, that a classifier must satisfy to be exported here."""

    def export(self, model: Any, directory: Path, texts: Sequence[str], reporter: Reporter) -> None:
        """Write all that `load` needs into an empty directory, or raise `ModelError`; `texts` are training rows."""

    def load(self, directory: Path, labels: Labels) -> Predictor:
        """Open what `export` wrote, without the library that trained the model; damage is a `ModelError`."""


@dataclass(frozen=True)
class Resources:
    """What a worker needs, or a host has: processors, of which each computes one thread, bytes of memory, and GPUs.

    The memory is None where it is not asked for, or not known.
    """

    cpus: int
    memory_bytes: int | None = None
    gpus: int = 0


@dataclass(frozen=True)
class Event:
    """What became known of the piece of work `number`: it is done, failed or lost, or its worker said something.

    `content` is the outcome, the exception, words on how its worker ended, or what was said.
    """

    kind: Literal["done", "failed", "lost", "said"]
    number: int
    content: Any


class Pool(Protocol):
    """Workers that do pieces of work; they are ended at once when the context is left that gave the pool."""

    def begin(self, number: int, piece: Any) -> None:
        """Let a piece be done as soon as a worker is free; no other piece that is not done has its number."""

    def wait(self, timeout: float) -> Sequence[Event]:
        """Return what became known: at once if there is something, or what there is after `timeout` seconds."""

    def stop(self) -> None:
        """Send SIGTERM to the workers; pieces that are not begun are `lost`, the others still end in some way."""


class Executor(Protocol):
    """Knows where pieces of work can be done that hang on nothing but themselves; `--on NAME` names it.

    What follows in `--on NAME://ADDRESS` is its setting `address`.
    """

    def hosts(self) -> Sequence[Resources]:
        """Return what each host has; raise `HostError` within seconds where that cannot be known."""

    def open(
        self, make: Callable[[Callable[[Any], None]], Callable[[Any], Any]], workers: int, each: Resources
    ) -> AbstractContextManager[Pool]:
        """Return a pool of at most `workers`: in each, `make(say)` gives what does one piece after the other.

        All of these are pickled. A piece whose worker ended may be begun again elsewhere, so it bears to be done twice.
        """


# Optional abilities of parts


@runtime_checkable
class HasProvenance(Protocol):
    """A data source or model that can say, after load or create, exactly what it used (hashes, revision)."""

    def provenance(self) -> Mapping[str, str]:
        """Return facts by name for run.json; no machine paths, no secrets."""


@dataclass(frozen=True)
class RowFormat:
    """How the files of a data source are written, so that others can be read as they were.

    The texts of several columns are joined by `text_separator`, which is None until `JoinsColumns.join_by` has named
    one; `meta.title` names a column within another. `labels` maps a value of the label column to the label's name;
    None: the values are the names. With `label_separator` a cell holds several labels. `encoding` and `delimiter` are
    for CSV. `empty_text` says what becomes of a row whose text is blank. `text_pair_column` holds the second texts of
    pairs.
    """

    text_columns: tuple[str, ...] = ("text",)
    label_column: str = "label"
    text_separator: str | None = "\n"
    labels: dict[str, str] | None = None
    label_separator: str | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    empty_text: Literal["keep", "error", "drop"] = "keep"
    text_pair_column: str | None = None


@runtime_checkable
class HasRowFormat(Protocol):
    """A data source that can say how its files are written; `predict` and `evaluate` read theirs in the same way."""

    def row_format(self) -> RowFormat:
        """Return the format; it is kept in run.json."""


@runtime_checkable
class TakesPairs(Protocol):
    """A model, its classifier, or a trainer that takes pairs of texts as well.

    Where the data has a column `text_pair`, each of the `texts` that its methods get is a tuple of both, as
    `clsfw.kit.texts_of` gives those of a split. A torch trainer hands `token_type_ids` on to the module where
    `tokenize` gives `types`.
    """

    takes_pairs: bool


@runtime_checkable
class JoinsColumns(Protocol):
    """A data source that joins several columns to one text by what the model has between two texts."""

    def join_by(self, separator: str) -> None:
        """Take the separator; called before `load`, if `row_format` says that there are several columns and none."""


@runtime_checkable
class HasSeparator(Protocol):
    """A model that has a token of its own between two texts."""

    def separator(self) -> str | None:
        """Return the token as it is written in a text, if there is one; raise what `create` would raise."""


@runtime_checkable
class ChecksModel(Protocol):
    """A model that can check its files without loading weights."""

    def check(self) -> Mapping[str, str]:
        """Return facts worth showing (architecture, parameters, longest input); raise what `create` would raise."""


@runtime_checkable
class TellsWords(Protocol):
    """A classifier that knows which words decide; the report shows them."""

    def telling_words(self, label: int, text: Any, count: int) -> Sequence[str]:
        """Return at most `count` words that speak for a class, the strongest first: of a text, or with None of all."""


@runtime_checkable
class PlansTraining(Protocol):
    """A trainer that can say beforehand what a fit will take."""

    def plan_training(self, rows: int, parameters: int) -> Mapping[str, float]:
        """Return `steps`, `epochs`, `memory_bytes`, `disk_bytes` for so many training rows and parameters.

        `memory_bytes` counts what hangs on the parameters alone, not the activations.

        Raises:
            TrainingError: there would be nothing to train.
            HostError: the device that it would train on is not there.

        """


@runtime_checkable
class TrainsTogether(Protocol):
    """A trainer that several processes can run together, as torchrun starts them: the first fits, the others assist."""

    def assist(self, model: Any, data: Mapping[str, Dataset], seed: int, reporter: Reporter) -> None:
        """Help the first process until it needs no more help; same model, data and seed, but no run to write to."""


# Optional abilities of settings, known before anything is built


@runtime_checkable
class NamesScores(Protocol):
    """Settings of a metric that knows its score names: each with whether greater is better."""

    def score_names(self) -> Mapping[str, bool]:
        """Return `{"accuracy": True}` and the like: all, except those of single labels, which begin as in `accuracy_`.

        An empty mapping says that none is certain beforehand.
        """


@runtime_checkable
class NamesCode(Protocol):
    """Settings that may name code which is not the plugin's own, such as a script; building the part runs it."""

    def names_code(self) -> str | None:
        """Return the setting that names it, as `metric = './mine.py'`, or None if only the plugin's own code runs."""


@runtime_checkable
class ChecksPlan(Protocol):
    """Settings of a trainer that depend on the rest of the recipe."""

    def check_plan(self, facts: PlanFacts) -> Iterable[tuple[str, str]]:
        """Return (key, message) for each setting that does not fit the rest of the recipe."""


@runtime_checkable
class ChecksSpace(Protocol):
    """Settings of a searcher that cannot search every space."""

    def check_space(self, space: Mapping[str, Range], trials: int) -> Iterable[str]:
        """Return a message for each thing that does not fit the space and the number of trials."""


@dataclass(frozen=True)
class PlanFacts:
    """What settings may know of the rest of the recipe: split names, and score names with greater-is-better.

    `complete` is false where a metric does not name its scores beforehand (`NamesScores`), so that there may be others.
    `expected_steps` are those that the recipe expects validation scores at. `labels` are known once the data is read:
    the settings are asked once before and once with them.
    """

    splits: frozenset[str]
    scores: Mapping[str, bool]
    complete: bool = True
    expected_steps: tuple[int, ...] = ()
    labels: Labels | None = None
