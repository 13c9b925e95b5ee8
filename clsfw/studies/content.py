"""What the files of a study hold, as types, and a finished study read from its directory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from clsfw.errors import RunDirectoryError
from clsfw.evidence.content import read_json
from clsfw.evidence.finished import FinishedRun
from clsfw.evidence.metrics import Limits, Number, Share, checked

if TYPE_CHECKING:
    import pandas as pd

RESULT = "study.json"
BEGUN = "begun.json"
RUNS = "runs"


@checked
class Spread(TypedDict):
    """One score over the seeds: mean, standard deviation, 95 % interval of the mean, and the score of each seed."""

    mean: Number
    std: Number
    interval: Limits
    values: list[Number]


@checked
class StudyRun(TypedDict):
    """One run of the study: its folder below `runs`, and its seed."""

    run: Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
    seed: Annotated[int, Field(ge=0, lt=2**32)]


@checked
class StudyCheck(TypedDict):
    """A published number beside the mean over seeds; `passed` is the share of seeds that would have held alone."""

    what: str
    expected: Number
    found: Number | None
    tolerance: Number
    held: bool
    passed: Share


@checked
class StudyVerdict(TypedDict):
    """The answer to `[expect]` by the means over seeds; `passed` is the share of seeds that would have held it all."""

    status: Literal["REPRODUCED", "NOT REPRODUCED", "NOT COMPARABLE"]
    source: str
    reasons: list[str]
    checks: list[StudyCheck]
    passed: Share


@checked
class StudyRecord(TypedDict):
    """The content of `study.json`: what was done, and what it came to; `scores` by split and name."""

    schema: Literal[1]
    name: str
    identity: str
    study: dict[str, Any]
    runs: Annotated[list[StudyRun], Field(min_length=2)]
    scores: dict[str, dict[str, Spread]]
    verdict: StudyVerdict | None


@checked
class Begun(TypedDict):
    """The content of `begun.json`: of what recipe a study is, its local paths as seen from the recipe's folder."""

    schema: Literal[1]
    identity: str
    recipe: dict[str, Any]
    study: dict[str, Any]


_RECORD: TypeAdapter[StudyRecord] = TypeAdapter(StudyRecord)
_BEGUN: TypeAdapter[Begun] = TypeAdapter(Begun)


@dataclass(frozen=True)
class FinishedStudy:
    """What a complete study left: `scores["test"]["f1"]["mean"]`, `runs`, `verdict` (None without `[expect]`)."""

    directory: Path
    record: StudyRecord

    @classmethod
    def read(cls, directory: str | Path) -> FinishedStudy:
        """Read a complete study.

        Raises:
            RunDirectoryError: there is none, or its file is not what a study writes.

        """
        path = Path(directory).expanduser()
        if not (path / RESULT).is_file():
            raise RunDirectoryError(f"{path} holds no complete study: there is no {RESULT}")
        return cls(path, read_json(path / RESULT, _RECORD))

    @property
    def scores(self) -> dict[str, dict[str, Spread]]:
        """Mean, standard deviation and interval over seeds, by split and score."""
        return self.record["scores"]

    @property
    def verdict(self) -> StudyVerdict | None:
        """The answer to `[expect]` by the means over seeds, or None."""
        return self.record["verdict"]

    @cached_property
    def runs(self) -> tuple[FinishedRun, ...]:
        """The runs, in the order of the seeds.

        Raises:
            RunDirectoryError: a run is missing, or was changed.

        """
        return tuple(FinishedRun.read(self.directory / RUNS / run["run"]) for run in self.record["runs"])

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row for each run and a column for each score of each split, such as `test f1`."""
        import pandas as pd

        columns = {
            f"{split} {name}": spread["values"]
            for split, scores in self.scores.items()
            for name, spread in scores.items()
        }
        runs = self.record["runs"]
        return pd.DataFrame({"run": [run["run"] for run in runs], "seed": [run["seed"] for run in runs], **columns})


def read_begun(path: Path) -> Begun | None:
    """Read what a study was begun as; None where none was begun.

    Raises:
        RunDirectoryError: the file is not what a study writes.

    """
    return read_json(path / BEGUN, _BEGUN) if (path / BEGUN).is_file() else None
