"""clsfw: a text classifier as one file that runs.

`run` executes a recipe, `study` runs it under several seeds, `load` returns the classifier of a complete run, `compare`
compares runs; the rest is for authors of plugins.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from clsfw import startup as _startup  # first of all  # noqa: F401
from clsfw.api import compare, load, run, study
from clsfw.contract.component import Component, PathOrHubId, PathOrUrl, RecipePath, Settings
from clsfw.contract.hooks import hookimpl
from clsfw.contract.parts import (
    ChecksModel,
    ChecksPlan,
    ChecksSpace,
    Classifier,
    DataSource,
    Event,
    Executor,
    Exporter,
    HasProvenance,
    HasRowFormat,
    HasSeparator,
    JoinsColumns,
    Labels,
    LinearClassifier,
    Metric,
    Model,
    NamesCode,
    NamesScores,
    Outcome,
    PlanFacts,
    PlansTraining,
    Pool,
    Prediction,
    Predictor,
    Range,
    Reporter,
    Resources,
    RowFormat,
    Searcher,
    TakesPairs,
    TellsWords,
    TokenizedTexts,
    TorchClassifier,
    Trainer,
    TrainsTogether,
    Trial,
    Watcher,
)
from clsfw.contract.run import Checkpoint, Checkpoints, Run, WatchedRun
from clsfw.errors import (
    ClsfwError,
    DataError,
    HostError,
    InterruptedRunError,
    LockedError,
    ModelError,
    NetworkError,
    NotReproducedError,
    Place,
    PluginError,
    RecipeError,
    RunDirectoryError,
    TrainingError,
    UsageError,
    __version__,
)

if _TYPE_CHECKING:
    from clsfw.evidence.comparison import Comparison
    from clsfw.inference.classifier import LoadedClassifier
    from clsfw.inference.run import FinishedRun
    from clsfw.studies.comparing import StudyComparison
    from clsfw.studies.content import FinishedStudy

__all__ = [
    "Checkpoint",
    "Checkpoints",
    "ChecksModel",
    "ChecksPlan",
    "ChecksSpace",
    "Classifier",
    "ClsfwError",
    "Comparison",
    "Component",
    "DataError",
    "DataSource",
    "Event",
    "Executor",
    "Exporter",
    "FinishedRun",
    "FinishedStudy",
    "HasProvenance",
    "HasRowFormat",
    "HasSeparator",
    "HostError",
    "InterruptedRunError",
    "JoinsColumns",
    "Labels",
    "LinearClassifier",
    "LoadedClassifier",
    "LockedError",
    "Metric",
    "Model",
    "ModelError",
    "NamesCode",
    "NamesScores",
    "NetworkError",
    "NotReproducedError",
    "Outcome",
    "PathOrHubId",
    "PathOrUrl",
    "Place",
    "PlanFacts",
    "PlansTraining",
    "PluginError",
    "Pool",
    "Prediction",
    "Predictor",
    "Range",
    "RecipeError",
    "RecipePath",
    "Reporter",
    "Resources",
    "RowFormat",
    "Run",
    "RunDirectoryError",
    "Searcher",
    "Settings",
    "StudyComparison",
    "TakesPairs",
    "TellsWords",
    "TokenizedTexts",
    "TorchClassifier",
    "Trainer",
    "TrainingError",
    "TrainsTogether",
    "Trial",
    "UsageError",
    "WatchedRun",
    "Watcher",
    "__version__",
    "compare",
    "hookimpl",
    "load",
    "run",
    "study",
]


def __getattr__(name: str) -> object:
    """Import what the functions return when it is first asked for: it needs numpy and pydantic."""
    if name == "FinishedRun":
        from clsfw.inference.run import FinishedRun

        return FinishedRun
    if name == "LoadedClassifier":
        from clsfw.inference.classifier import LoadedClassifier

        return LoadedClassifier
    if name == "Comparison":
        from clsfw.evidence.comparison import Comparison

        return Comparison
    if name == "FinishedStudy":
        from clsfw.studies.content import FinishedStudy

        return FinishedStudy
    if name == "StudyComparison":
        from clsfw.studies.comparing import StudyComparison

        return StudyComparison
    raise AttributeError(f"module 'clsfw' has no attribute {name!r}")
