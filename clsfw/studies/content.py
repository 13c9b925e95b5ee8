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
REPORT = "report.html"
RUNS = "runs"
TRIALS = "trials"
CHOSEN = "chosen.json"


@checked
class Spread(TypedDict):
    """One score over the seeds: mean, standard deviation, 95 % interval of the mean, and the score of each seed."""

    mean: Number
    std: Number
    interval: Limits
    values: list[Number]


@checked
class StudyRun(TypedDict):
    """One final run of the study: its folder below `runs`, its seed, whose values it has, and why it diverged."""

    run: Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    values: Literal["own", "chosen"]
    error: str | None


@checked
class TrialRecord(TypedDict):
    """One trial: its values by setting, and its score on validation, or why training diverged.

    `share` is how much of its training it had when it was judged last; below 1 others were better, and it went no
    further. `first` is its score when all trials were judged first, by which the searcher proposes.
    """

    number: Annotated[int, Field(ge=1)]
    values: dict[str, Any]
    score: Number | None
    error: str | None
    share: Annotated[float, Field(gt=0, le=1)]
    first: Number | None


@checked
class Gain(TypedDict):
    """What the chosen values gain over the recipe's own on the test split, with the 95 % limits.

    Of its standard error, what comes from the seeds and what from the rows.
    """

    score: str
    mean: Number
    interval: Limits
    error_of_seeds: Number
    error_of_rows: Number


@checked
class Optimism(TypedDict):
    """The best validation score of the search, and the chosen values' mean on validation under fresh seeds."""

    best: Number
    fresh: Number
    difference: Number


@checked
class SearchRecord(TypedDict):
    """What a search did and came to; `own_scores` are those of the recipe's own values under the same seeds.

    `importance` is the share of each setting in what moved the score, as a hint; None where trials are too few.
    """

    trials: Annotated[list[TrialRecord], Field(min_length=1)]
    chosen: TrialRecord
    gain: Gain
    optimism: Optimism
    own_scores: dict[str, dict[str, Spread]]
    importance: dict[str, Share] | None


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
    """The content of `study.json`: what was done, and what it came to.

    `scores` by split and name are those of the values that the search chose, or without one of the recipe's own.
    """

    schema: Literal[1]
    name: str
    identity: str
    study: dict[str, Any]
    runs: Annotated[list[StudyRun], Field(min_length=2)]
    scores: dict[str, dict[str, Spread]]
    verdict: StudyVerdict | None
    search: SearchRecord | None


@checked
class Begun(TypedDict):
    """The content of `begun.json`: of what recipe a study is, its local paths as seen from the recipe's folder.

    `jobs` runs are made at once, each in a process with so many `threads`; with one job both are the caller's.
    """

    schema: Literal[1]
    identity: str
    recipe: dict[str, Any]
    study: dict[str, Any]
    jobs: Annotated[int, Field(ge=1)]
    threads: Annotated[int, Field(ge=1)] | None


_RECORD: TypeAdapter[StudyRecord] = TypeAdapter(StudyRecord)
TRIAL: TypeAdapter[TrialRecord] = TypeAdapter(TrialRecord)
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
        """The complete final runs, by seed; with a search, those of the chosen values before the own ones.

        Raises:
            RunDirectoryError: a run is missing, or was changed.

        """
        return tuple(FinishedRun.read(self.directory / RUNS / run["run"]) for run in self._ended)

    @property
    def _ended(self) -> list[StudyRun]:
        return [run for run in self.record["runs"] if run["error"] is None]

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row for each final run: whose values it has, its seed, and scores such as `test f1`."""
        import pandas as pd

        search = self.record["search"]
        both = [self.scores, *([search["own_scores"]] if search is not None else [])]
        columns = {
            f"{split} {name}": [value for one in both for value in one[split][name]["values"]]
            for split, scores in self.scores.items()
            for name in scores
        }
        return pd.DataFrame({**_column_by_key(self._ended), **columns})

    def trials_to_pandas(self) -> pd.DataFrame:
        """Return a table with a row for each trial: number, score, and a column for each setting of the space."""
        import pandas as pd

        trials = self.record["search"]["trials"] if self.record["search"] is not None else []
        return pd.DataFrame([{"number": t["number"], "score": t["score"], **t["values"]} for t in trials])


def _column_by_key(runs: list[StudyRun]) -> dict[str, list[object]]:
    return {
        "run": [run["run"] for run in runs],
        "values": [run["values"] for run in runs],
        "seed": [run["seed"] for run in runs],
    }


def read_begun(path: Path) -> Begun | None:
    """Read what a study was begun as; None where none was begun.

    Raises:
        RunDirectoryError: the file is not what a study writes.

    """
    return read_json(path / BEGUN, _BEGUN) if (path / BEGUN).is_file() else None
