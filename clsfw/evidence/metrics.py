"""The content of `metrics.json` as types: what is written there and what is read has this shape.

Keys that are not named here are kept and not looked at: a later version may write more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NotRequired, cast

from pydantic import AfterValidator, AllowInfNan, ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST = 2**63 - 1
checked = with_config(ConfigDict(extra="allow", strict=True))
"""Makes pydantic take a float for a float and no number in quotes, and keep further keys."""

Number = Annotated[float, AllowInfNan(False)]
# A weighted mean of ones may be 1 and a last bit more.
Share = Annotated[float, Field(ge=0, le=1 + 1e-9)]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Counts = list[Count]
Matrix = list[Counts]
Limits = Annotated[list[Number], Field(min_length=2, max_length=2)]
"""The lower and the upper end of a 95 % interval."""


def _different(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a label is named twice")
    return names


LabelNames = Annotated[list[str], Field(min_length=1), AfterValidator(_different)]


@checked
class MeanScores(TypedDict):
    """The mean scores of all classes, and the rows (with several labels per text, the labels) that they stand for."""

    precision: Share
    recall: Share
    f1: Share
    support: Count


@checked
class ClassScores(MeanScores):
    """The scores of one class, and the limits of those that resampling moves."""

    intervals: dict[str, Limits]


Report = TypedDict("Report", {"classes": dict[str, ClassScores], "macro avg": MeanScores, "weighted avg": MeanScores})
Report.__doc__ = "The classification report of one split."
checked(Report)


@checked
class MacroScores(TypedDict):
    """Accuracy and macro averages."""

    accuracy: Share
    precision: Share
    recall: Share
    f1: Share


@checked
class TestWithoutLeaks(TypedDict):
    """What leaks do to the test scores; `scores` is None where every test row leaks."""

    leaked_rows: Count
    rows: Count
    scores: MacroScores | None
    scores_with_leaks: MacroScores


@checked
class TextCounts(TypedDict):
    """How many texts, compared exactly, and after lower case with white space made one blank."""

    exact: Count
    folded: Count


@checked
class Overlap(TextCounts):
    """How many texts of a split are in an earlier one; `rows` are the numbers of the first hundred."""

    rows: Counts


@checked
class Leaks(TypedDict):
    """Texts that are where they should not be: in two splits, with two labels, or twice in training.

    Of pairs of texts both count together; `sides` says of each, `text` and `text_pair`, how many rows of a split have
    one there that an earlier split has there too.
    """

    train_validation: NotRequired[Overlap]
    train_test: NotRequired[Overlap]
    validation_test: NotRequired[Overlap]
    two_labels: TextCounts
    duplicates_in_train: NotRequired[TextCounts]
    sides: NotRequired[dict[str, dict[str, Overlap]]]
    test_without_leaks: NotRequired[TestWithoutLeaks]


@checked
class TokenCounts(TypedDict):
    """How long the texts are, in tokens."""

    min: Count
    median: Number
    mean: Number
    p95: Number
    max: Count


@checked
class Histogram(TypedDict):
    """How many texts lie between two edges, in tokens; one count fewer than edges."""

    edges: Counts
    counts: Counts


@checked
class Loss(TypedDict):
    """How many texts of one side of pairs were cut, and how many tokens they lost, the mean over these."""

    truncated: Count
    tokens: Number


@checked
class Truncation(TypedDict):
    """How many texts of a split were cut, and how long they are; of pairs also what each side lost."""

    rows: Count
    truncated: Count
    share: Share
    tokens: TokenCounts
    histogram: Histogram
    sides: NotRequired[dict[str, Loss]]


@checked
class Slice(TypedDict):
    """The scores of a part of the rows; `f1` is the mean of the classes that occur in it."""

    value: str
    rows: Count
    accuracy: Share
    interval: Limits
    f1: Share


@checked
class DecisionRecord(TypedDict):
    """How probabilities become labels."""

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    threshold: Number | None


@checked
class Bin(TypedDict):
    """One bar of the reliability diagram: the cells whose confidence is above `low` and at most `high`."""

    low: Share
    high: Share
    rows: Annotated[int, Field(ge=1, le=_MOST)]
    confidence: Share
    accuracy: Share


@checked
class CalibrationScores(TypedDict):
    """Expected calibration error, mean negative log-likelihood in nats, and mean squared distance from the truth."""

    ece: Share
    log_loss: Number
    brier: Number


@checked
class Calibration(CalibrationScores):
    """Whether the probabilities of one split mean what they say."""

    bins: list[Bin]
    before_scaling: NotRequired[CalibrationScores]


@checked
class ThresholdScores(TypedDict):
    """The scores of the rule "the positive class if its probability is at least the threshold"."""

    threshold: Number
    accuracy: Share
    precision: Share
    recall: Share
    f1: Share
    macro_f1: Share


@checked
class TunedThreshold(ThresholdScores):
    """The threshold that was chosen, and what it brings on this split."""

    tuned_on: Literal["validation"]


@checked
class Thresholds(TypedDict):
    """What other thresholds than one half would bring; `roc_auc` is None where one class has no rows."""

    positive: str
    roc_auc: Share | None
    table: list[ThresholdScores]
    tuned: NotRequired[TunedThreshold]


@checked
class Mistake(TypedDict):
    """A wrong row that the model was sure of; `index` is its place in the split, `row` that in the source."""

    row: Annotated[int, Field(ge=-_MOST, le=_MOST)]
    index: Count
    gold: str | list[str]
    predicted: str | list[str]
    confidence: Share


@checked
class Scores(TypedDict):
    """The scores by name, under the split that they were measured on."""

    test: NotRequired[dict[str, Number]]
    validation: NotRequired[dict[str, Number]]
    train: NotRequired[dict[str, Number]]


@checked
class TwoClasses(TypedDict):
    """What there is of two classes only."""

    thresholds: NotRequired[dict[str, Thresholds]]


@checked
class Metrics(Scores, TwoClasses):
    """The content of `metrics.json`: all scores and the evidence about them.

    Nearly each part holds one value for each split that was predicted. A confusion matrix has a row for each true
    class and a column for each predicted one; with several labels per text there is one of 2 x 2 for each label.
    """

    intervals: dict[str, dict[str, Limits]]
    labels: LabelNames
    multi_label: bool
    rows: dict[str, Count]
    classification_report: dict[str, Report]
    confusion_matrix: dict[str, Matrix | list[Matrix]]
    missing_classes: dict[str, list[str]]
    leaks: Leaks
    truncation: dict[str, Truncation]
    slices: dict[str, dict[str, list[Slice]]]
    decision: DecisionRecord
    calibration: dict[str, Calibration]
    mistakes: dict[str, list[Mistake]]


def _consistent(metrics: Metrics) -> Metrics:
    """See that each split with scores has all that is shown with them."""
    judged = scores_by_split(metrics)
    if not judged:
        raise ValueError("it has scores of no split")
    for split in judged:
        for part in ("rows", "intervals", "classification_report", "confusion_matrix", "calibration"):
            if split not in metrics[part]:
                raise ValueError(f"{part} says nothing of the {split} split")
        if not metrics["multi_label"]:
            _square(metrics["confusion_matrix"][split], len(metrics["labels"]))
    return metrics


def _square(matrix: Sequence[Sequence[Count | Counts]], classes: int) -> None:
    counts = [cell for row in matrix for cell in row if isinstance(cell, int)]
    if len(matrix) != classes or any(len(row) != classes for row in matrix) or len(counts) != classes * classes:
        raise ValueError(f"confusion_matrix is not {classes} by {classes} counts")


def scores_by_split(metrics: Metrics) -> dict[str, dict[str, float]]:
    """Return the scores by name of each split that has some."""
    given = {"train": metrics.get("train"), "validation": metrics.get("validation"), "test": metrics.get("test")}
    return {split: scores for split, scores in given.items() if scores is not None}


def square_matrix(metrics: Metrics, split: str) -> Matrix | None:
    """Return the confusion matrix of all classes; None with several labels per text, where each has one of its own."""
    return None if metrics["multi_label"] else cast("Matrix", metrics["confusion_matrix"][split])


def overlaps(leaks: Leaks) -> Iterator[tuple[str, str, Overlap]]:
    """Name an earlier and a later split, with the texts of the later one that are in the earlier one."""
    given = (
        ("train", "validation", leaks.get("train_validation")),
        ("train", "test", leaks.get("train_test")),
        ("validation", "test", leaks.get("validation_test")),
    )
    return ((earlier, later, found) for earlier, later, found in given if found is not None)


METRICS: TypeAdapter[Metrics] = TypeAdapter(Annotated[Metrics, AfterValidator(_consistent)])
