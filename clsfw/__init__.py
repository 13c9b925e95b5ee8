"""clsfw: a text classifier as one file that runs.

`run` executes a recipe, `load` gives the classifier of a complete run; the rest is what plugin authors need.
"""

from clsfw.api import compare, load, run
from clsfw.contract.component import Component, PathOrHubId, PathOrUrl, RecipePath, Settings
from clsfw.contract.hooks import hookimpl
from clsfw.contract.parts import (
    Classifier,
    DataSource,
    Labels,
    Metric,
    Model,
    Outcome,
    Prediction,
    Reporter,
    TokenizedTexts,
    TorchClassifier,
    Trainer,
)
from clsfw.errors import (
    ClsfwError,
    DataError,
    HostError,
    InterruptedRunError,
    LockedError,
    ModelError,
    NetworkError,
    NotReproducedError,
    PluginError,
    RecipeError,
    RunDirectoryError,
    TrainingError,
    UsageError,
    __version__,
)

__all__ = [
    "Classifier",
    "ClsfwError",
    "Component",
    "DataError",
    "DataSource",
    "HostError",
    "InterruptedRunError",
    "Labels",
    "LockedError",
    "Metric",
    "Model",
    "ModelError",
    "NetworkError",
    "NotReproducedError",
    "Outcome",
    "PathOrHubId",
    "PathOrUrl",
    "PluginError",
    "Prediction",
    "RecipeError",
    "RecipePath",
    "Reporter",
    "RunDirectoryError",
    "Settings",
    "TokenizedTexts",
    "TorchClassifier",
    "Trainer",
    "TrainingError",
    "UsageError",
    "__version__",
    "compare",
    "hookimpl",
    "load",
    "run",
]
