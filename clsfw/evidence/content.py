"""What the files of a run hold, as types, and one reader that refuses a file which holds something else.

A run directory may come from somebody else, or from a failing disk: that its hashes fit says that it was not changed
since, not that a run wrote it. So nothing is used before it has the shape declared here. Keys that are not named here
are kept and not looked at.
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from clsfw.errors import RunDirectoryError
from clsfw.evidence.metrics import Count, DecisionRecord, LabelNames, Matrix, Number, checked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

# run.json


@checked
class PluginRecord(TypedDict):
    """Which distribution a plugin came from, and the hash of its code where that is known."""

    distribution: str
    version: str
    sha256: NotRequired[str]


@checked
class BlasRecord(TypedDict, total=False):
    """The library that multiplies numpy's matrices, and the processor that its code was written for."""

    library: str
    version: str
    kernel: str
    threads: Count


@checked
class EnvironmentRecord(TypedDict, total=False):
    """The machine and the libraries; `kernels` are variables that choose other instructions."""

    python: str
    system: str
    machine: str
    processors: Count
    omp_num_threads: str | None
    blas: BlasRecord
    kernels: dict[str, str]
    versions: dict[str, str]


@checked
class Fixed(TypedDict):
    """What an interrupted run must find unchanged; `recipe` with portable paths, `data` the hash of each split.

    `computed` is what the trainer says that the bits hang on: device, precision, threads.
    """

    recipe: dict[str, Any]
    environment: EnvironmentRecord
    plugins: dict[str, PluginRecord]
    data: dict[str, str]
    computed: NotRequired[dict[str, object]]


@checked
class SplitRecord(TypedDict):
    """The rows of one split, those of each label, and a hash of its texts and labels."""

    rows: Count
    labels: dict[str, Count]
    sha256: str


@checked
class DataRecord(TypedDict, total=False):
    """The data as it was read and cut; `provenance` and `rows`, the format of a file of rows, as far as it has them.

    `pairs` is true where each row is a pair of texts.
    """

    labels: list[str]
    multi_label: bool
    splits: dict[str, SplitRecord]
    provenance: dict[str, str]
    rows: dict[str, Any]
    pairs: bool


@checked
class ModelRecord(TypedDict, total=False):
    """The size of the model and where it came from, and what else the model says of itself."""

    parameters: Count
    trainable_parameters: Count
    provenance: dict[str, str]


@checked
class CheckRecord(TypedDict):
    """One published number beside the run's own; `found` is None where the run has no such number."""

    what: str
    expected: Number
    found: Number | None
    tolerance: Number
    distance: Number | None
    held: bool


@checked
class MatrixRecord(TypedDict):
    """A published confusion matrix beside the run's own; it is shown and not judged."""

    expected: Matrix
    found: Matrix | list[Matrix] | None


@checked
class VerdictRecord(TypedDict):
    """The answer to `[expect]`; `confusion_matrices` by split."""

    status: Literal["REPRODUCED", "NOT REPRODUCED", "NOT COMPARABLE"]
    source: str
    reasons: list[str]
    misses: list[str]
    checks: list[CheckRecord]
    confusion_matrices: dict[str, MatrixRecord]


@checked
class RunRecord(TypedDict):
    """The content of `run.json` of a run that began to train; what its end alone knows may be missing."""

    schema: Literal[1]
    state: Literal["running", "interrupted", "failed", "complete"]
    name: str
    identity: str
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    started: NotRequired[str]
    resumed: NotRequired[bool]
    data: NotRequired[DataRecord]
    differences: NotRequired[list[str]]
    error: NotRequired[str | None]
    fixed: Fixed
    model: NotRequired[ModelRecord]
    training: NotRequired[dict[str, Any] | None]
    other_bits: NotRequired[list[str]]
    verdict: NotRequired[VerdictRecord | None]
    warnings: NotRequired[list[str]]
    manifest: NotRequired[str]


# model/clsfw.json and resolved.toml


@checked
class PartTable(TypedDict):
    """The table of one component; its other keys are the component's to check."""

    use: str


@checked
class About(TypedDict):
    """The content of `model/clsfw.json`; `exporter` is what opens the model of an artifact, with its settings."""

    labels: LabelNames
    multi_label: bool
    decision: NotRequired[DecisionRecord | None]
    exporter: NotRequired[PartTable]


def _decidable(about: About) -> About:
    """See that a threshold is one between two classes."""
    decision, binary = about.get("decision"), len(about["labels"]) == 2 and not about["multi_label"]  # noqa: PLR2004
    if decision and decision["threshold"] is not None and not binary:
        raise ValueError("a threshold is for two classes")
    return about


@checked
class EvidenceTable(TypedDict):
    """The recipe's `[evidence]`."""

    slices: NotRequired[list[str]]


@checked
class ResolvedRecipe(TypedDict):
    """The content of `resolved.toml`."""

    data: PartTable
    model: PartTable
    trainer: PartTable
    metrics: list[PartTable]
    watchers: NotRequired[list[PartTable]]
    evidence: NotRequired[EvidenceTable]


# manifest.json


@checked
class FileFacts(TypedDict):
    """What is known of one file."""

    bytes: Count
    sha256: str


@checked
class Manifest(TypedDict):
    """The content of `manifest.json`: each file by its path."""

    files: dict[str, FileFacts]


RUN = TypeAdapter(RunRecord)
TIMINGS = TypeAdapter(dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]])
ABOUT: TypeAdapter[About] = TypeAdapter(Annotated[About, AfterValidator(_decidable)])
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
