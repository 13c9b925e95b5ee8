"""What the files of a run hold, as types, and one reader that refuses a file which holds something else.

A run directory may come from somebody else, or from a failing disk: that its hashes fit says that it was not changed
since, not that a run wrote it. So nothing is used before it has the shape declared here. Keys that are not named here
are kept and not looked at.
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import AfterValidator, AllowInfNan, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from clsfw.errors import RunDirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

_MOST = 2**63 - 1
_checked = with_config(ConfigDict(extra="allow", strict=True))

Number = Annotated[float, AllowInfNan(False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=_MOST)]
Limits = Annotated[list[Number], Field(min_length=2, max_length=2)]
"""The lower and the upper end of a 95 % interval."""


def _different(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a label is named twice")
    return names


LabelNames = Annotated[list[str], Field(min_length=1), AfterValidator(_different)]

# run.json


@_checked
class PluginRecord(TypedDict):
    """Which distribution a plugin came from."""

    distribution: str
    version: str


@_checked
class Fixed(TypedDict):
    """What an interrupted run must find unchanged; `recipe` with portable paths, `data` the hash of each split.

    `computed` is what the trainer says that the bits hang on: device, precision, threads.
    """

    recipe: dict[str, Any]
    environment: dict[str, Any]
    plugins: dict[str, PluginRecord]
    data: dict[str, str]
    computed: NotRequired[dict[str, object]]


@_checked
class CheckRecord(TypedDict):
    """One published number beside the run's own; `found` is None where the run has no such number."""

    what: str
    expected: Number
    found: Number | None
    tolerance: Number


@_checked
class VerdictRecord(TypedDict):
    """The answer to `[expect]`, as far as it is shown again."""

    status: Literal["REPRODUCED", "NOT REPRODUCED", "NOT COMPARABLE"]
    source: str
    reasons: list[str]
    misses: list[str]
    checks: NotRequired[list[CheckRecord]]


@_checked
class RunRecord(TypedDict):
    """The content of `run.json` of a run that trained."""

    state: Literal["running", "interrupted", "failed", "complete"]
    name: str
    started: NotRequired[str]
    identity: str
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    fixed: Fixed
    data: NotRequired[dict[str, Any]]
    training: NotRequired[dict[str, Any] | None]
    other_bits: NotRequired[list[str]]
    verdict: NotRequired[VerdictRecord | None]


# metrics.json


@_checked
class ClassScores(TypedDict):
    """The scores of one class on one split."""

    precision: Share
    recall: Share
    f1: Share
    support: Count


@_checked
class Report(TypedDict):
    """The classification report of one split."""

    classes: dict[str, ClassScores]


@_checked
class MacroScores(TypedDict):
    """Accuracy and macro averages."""

    accuracy: Share
    precision: Share
    recall: Share
    f1: Share


@_checked
class TestWithoutLeaks(TypedDict):
    """What leaks do to the test scores; `scores` is None where every test row leaks."""

    leaked_rows: Count
    rows: Count
    scores: MacroScores | None
    scores_with_leaks: MacroScores


@_checked
class Overlap(TypedDict):
    """How many texts of one split stand in another."""

    exact: Count
    folded: Count


@_checked
class Leaks(TypedDict):
    """What stands where it should not."""

    train_validation: NotRequired[Overlap]
    test_without_leaks: NotRequired[TestWithoutLeaks]


@_checked
class Bin(TypedDict):
    """One bar of the reliability diagram."""

    rows: Annotated[int, Field(ge=1, le=_MOST)]
    confidence: Share
    accuracy: Share


@_checked
class Calibration(TypedDict):
    """Whether the probabilities of one split mean what they say."""

    ece: Share
    bins: list[Bin]


@_checked
class DecisionRecord(TypedDict):
    """How probabilities become labels."""

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    threshold: Number | None


@_checked
class Metrics(TypedDict):
    """The content of `metrics.json`; the scores by name stand under the split that they were measured on."""

    test: NotRequired[dict[str, Number]]
    validation: NotRequired[dict[str, Number]]
    train: NotRequired[dict[str, Number]]
    labels: LabelNames
    multi_label: bool
    rows: dict[str, Count]
    intervals: dict[str, dict[str, Limits]]
    classification_report: dict[str, Report]
    confusion_matrix: dict[str, list[Any]]
    leaks: Leaks
    calibration: dict[str, Calibration]
    decision: NotRequired[DecisionRecord]


def _consistent(metrics: Metrics) -> Metrics:
    """See that each split with scores has all that is shown with them."""
    for split in scores_by_split(metrics):
        for part in ("rows", "intervals", "classification_report", "confusion_matrix", "calibration"):
            if split not in metrics[part]:
                raise ValueError(f"{part} says nothing of the {split} split")
        if not metrics["multi_label"]:
            _square(metrics["confusion_matrix"][split], len(metrics["labels"]))
    return metrics


def _square(matrix: Sequence[Any], classes: int) -> None:
    rows = [row for row in matrix if isinstance(row, list) and len(row) == classes]
    if (
        len(rows) != len(matrix)
        or len(matrix) != classes
        or any(type(count) is not int for row in rows for count in row)
    ):
        raise ValueError(f"confusion_matrix is not {classes} by {classes} counts")


def scores_by_split(metrics: Metrics) -> dict[str, dict[str, float]]:
    """Return the scores by name of each split that has some."""
    given = {"train": metrics.get("train"), "validation": metrics.get("validation"), "test": metrics.get("test")}
    return {split: scores for split, scores in given.items() if scores is not None}


# model/clsfw.json and resolved.toml


@_checked
class About(TypedDict):
    """The content of `model/clsfw.json`."""

    labels: LabelNames
    multi_label: bool
    decision: NotRequired[DecisionRecord | None]


@_checked
class PartTable(TypedDict):
    """The table of one component; its other keys are the component's to check."""

    use: str


@_checked
class EvidenceTable(TypedDict):
    """The recipe's `[evidence]`."""

    slices: NotRequired[list[str]]


@_checked
class ResolvedRecipe(TypedDict):
    """The content of `resolved.toml`."""

    data: PartTable
    model: PartTable
    trainer: PartTable
    metrics: list[PartTable]
    evidence: NotRequired[EvidenceTable]


# manifest.json


@_checked
class FileFacts(TypedDict):
    """What is known of one file."""

    bytes: Count
    sha256: str


@_checked
class Manifest(TypedDict):
    """The content of `manifest.json`: each file by its path."""

    files: dict[str, FileFacts]


RUN = TypeAdapter(RunRecord)
METRICS: TypeAdapter[Metrics] = TypeAdapter(Annotated[Metrics, AfterValidator(_consistent)])
TIMINGS = TypeAdapter(dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]])
ABOUT = TypeAdapter(About)
RECIPE = TypeAdapter(ResolvedRecipe)
MANIFEST = TypeAdapter(Manifest)


def read_json(path: Path, kind: TypeAdapter[T]) -> T:
    """Read a JSON file of a run.

    Raises:
        RunDirectoryError: it is missing, damaged, or not what a run writes; the message names it.

    """
    return _read(path, kind, json.loads)


def read_toml(path: Path, kind: TypeAdapter[T]) -> T:
    """Read a TOML file of a run; as `read_json`."""
    return _read(path, kind, tomllib.loads)


def _read(path: Path, kind: TypeAdapter[T], parse: Callable[[str], Any]) -> T:
    try:
        return kind.validate_python(parse(path.read_text(encoding="utf-8")), strict=True)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        where = ".".join(str(key)[:40] for key in first["loc"])
        words = f"{where + ': ' if where else ''}{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise RunDirectoryError(f"{path} is not what a run writes: {words}") from exc
    except (OSError, ValueError) as exc:
        raise RunDirectoryError(f"{path} cannot be read: {exc}") from exc
    except RecursionError as exc:
        raise RunDirectoryError(f"{path} is not what a run writes: it is nested too deeply") from exc
