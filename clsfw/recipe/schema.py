"""The recipe's own tables; what is under `[data]`, `[model]`, `[[metrics]]` and so on is each component's."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from clsfw.contract.component import SPLITS, Kind, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = 1
SECTIONS: dict[str, Kind] = {
    "data": "data",
    "model": "model",
    "trainer": "trainer",
    "metrics": "metric",
    "watchers": "watcher",
}
"""The tables that name a component, in the order of the work, with the kind of component that each takes."""
OPTIONAL = ("watchers",)
"""Those that it may have none of."""

_NAME = re.compile(r"\w[\w.-]*\Z")
_LONGEST_NAME = 150  # bytes: a folder is called after it, with a hash and more behind it; file systems take 255


def _folder_name(value: str) -> str:
    if not _NAME.match(value) or value.endswith("."):
        shown = repr(value[:_LONGEST_NAME])
        raise ValueError(
            f"{shown} cannot name the run's folder; use letters and digits, and between them '-', '_' and '.'"
        )
    if len(value.encode()) > _LONGEST_NAME:
        raise ValueError(f"too long to name the run's folder: {len(value.encode())} bytes, {_LONGEST_NAME} are allowed")
    return value


Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]


class Split(Settings):
    """How the data is cut into train, validation and test; without this table the data brings its own splits."""

    method: Literal["in-order", "random", "stratified", "given"] = Field(
        description="in-order: as the rows come; random: shuffled by the seed; stratified: shuffled, with each class's "
        "share kept; given: the splits that the data brings"
    )
    train: Count | Share | None = Field(
        default=None,
        description="rows to train on: a count, or a fraction of all rows; if left out, all that the others leave",
    )
    validation: Count | Share | None = Field(default=None, description="rows to watch training with, likewise")
    test: Count | Share | None = Field(default=None, description="rows for the final scores, likewise")
    group_by: Literal["text"] | None = Field(
        default=None, description='"text" keeps equal texts together in one split, so that none leaks into another'
    )

    seed: int | None = Field(
        default=None, ge=0, le=2**32 - 1, description="start of the shuffling; if left out, the recipe's seed"
    )

    keep_test_closed: Literal[True] | None = Field(
        default=None, description="set the test rows aside once cut, so that no part sees them; trials of a study do"
    )

    @property
    def sizes(self) -> dict[str, int | float]:
        """The splits that are asked for, each with its count or fraction."""
        sizes = {name: getattr(self, name) for name in SPLITS}
        return {name: size for name, size in sizes.items() if size is not None}

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        sizes = self.sizes
        names = " and ".join(sizes)
        if self.method == "given":
            given = [*sizes, *(["group_by"] if self.group_by is not None else [])]
            if given:
                raise ValueError(f"leave {' and '.join(given)} out: 'given' takes the splits as the data brings them")
            return self
        if not sizes:
            raise ValueError("missing key 'train': how many rows to train on; or give validation or test")
        fractions = [size for size in sizes.values() if isinstance(size, float)]
        if 0 < len(fractions) < len(sizes):
            raise ValueError(f"{names} must be all counts or all fractions")
        if math.fsum(fractions) > 1 + 1e-9:  # thirds and tenths do not add up exactly
            raise ValueError(f"{names} add up to {math.fsum(fractions):g}, more than all rows")
        return self


class EvidenceSettings(Settings):
    """What the evidence does beyond what it always does."""

    temperature_scaling: bool = Field(
        default=False, description="fit one temperature on the validation split and scale all probabilities by it"
    )
    tune_threshold: bool = Field(
        default=False, description="for two classes, choose the deciding threshold on the validation split"
    )
    score_validation: Literal[True] | None = Field(
        default=None, description="score the validation split beside the test split"
    )
    slices: tuple[str, ...] = Field(default=(), description="further columns of the data to compute scores by")


class Target(Settings):
    """A published number, and how far from it a run may end."""

    value: float = Field(description="the published value")
    tolerance: float = Field(ge=0, description="the greatest distance that still counts as reproduced")


class ExpectedSplit(Settings):
    """The published result on one split: a target for each metric by name, and the confusion matrix."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Target] = Field(init=False)

    confusion_matrix: tuple[tuple[Annotated[int, Field(ge=0)], ...], ...] | None = Field(
        default=None, description="counts of texts, one row for each true class; shown beside the run's own"
    )

    @property
    def targets(self) -> Mapping[str, Target]:
        """The target of each metric."""
        return self.__pydantic_extra__

    @model_validator(mode="after")
    def _check_square(self) -> Self:
        matrix = self.confusion_matrix
        if matrix is not None and any(len(row) != len(matrix) for row in matrix):
            raise ValueError("confusion_matrix must be square: as many numbers in each row as there are rows")
        return self


class ExpectedHistory(Settings):
    """The published course of the validation scores during training: for each metric one value for each step."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, tuple[float, ...]] = Field(init=False)

    steps: tuple[Annotated[int, Field(ge=1)], ...] = Field(description="the steps that the values were taken at")
    tolerance: float = Field(ge=0, description="the greatest distance that still counts as reproduced")

    @property
    def values(self) -> Mapping[str, tuple[float, ...]]:
        """The published values of each metric, in the order of `steps`."""
        return self.__pydantic_extra__

    @model_validator(mode="after")
    def _check_lengths(self) -> Self:
        for name, values in self.values.items():
            if len(values) != len(self.steps):
                raise ValueError(f"{name} has {len(values)} values for {len(self.steps)} steps; give one for each step")
        return self


class Expect(Settings):
    """The published result that a run of this recipe should reach."""

    source: str = Field(default="", description="where the result was published")
    validation: ExpectedSplit | None = Field(default=None, description="targets on the validation split")
    test: ExpectedSplit | None = Field(default=None, description="targets on the test split")
    history: ExpectedHistory | None = Field(default=None, description="validation scores during training")
    not_comparable: tuple[str, ...] | None = Field(
        default=None, description="what differs from the recipe of that result, so that no run is judged by it"
    )

    @property
    def splits(self) -> dict[str, ExpectedSplit]:
        """The expected result of each split that has one."""
        expected = {"validation": self.validation, "test": self.test}
        return {name: split for name, split in expected.items() if split is not None}


class Recipe(Settings):
    """The top level of a recipe, less the tables that name components."""

    schema_version: Literal[1] = Field(alias="schema", description="version of the recipe format; 1 is the only one")
    name: Annotated[str, AfterValidator(_folder_name)] = Field(description="name of the experiment and its run folder")
    seed: int = Field(
        default=42, ge=0, le=2**32 - 1, description="start of every random choice (splits, weights, batches)"
    )
    split: Split | None = Field(default=None, description="how the data is cut into train, validation and test")
    evidence: EvidenceSettings = Field(default_factory=EvidenceSettings, description="what the evidence does besides")
    expect: Expect | None = Field(default=None, description="the published result that the run is judged by")
