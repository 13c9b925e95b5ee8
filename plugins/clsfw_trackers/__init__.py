"""The plugin `trackers`: watchers that send what a run logs to Weights & Biases, MLflow and Trackio."""

from __future__ import annotations

import os
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from clsfw import Component, HostError, PathOrUrl, RecipePath, Settings, Watcher, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable


def _without_password(uri: str) -> str:
    if "://" in uri and "@" in uri.partition("://")[2].partition("/")[0]:
        raise ValueError(
            "a recipe holds no password; MLflow reads MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, "
            "or the whole address from MLFLOW_TRACKING_URI"
        )
    return uri


class TrackerSettings(Settings):
    """What all trackers take."""

    wait: float = Field(
        30.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="seconds that the end of a complete run waits at most until all is sent; after that the sender is "
        "stopped, and a line says what is missing (an interrupted or failed run waits 5 seconds at most)",
    )


class WandbSettings(TrackerSettings):
    """What `use = "wandb"` takes; the key and the server come from WANDB_API_KEY and WANDB_BASE_URL."""

    project: str | None = Field(
        None, min_length=1, description="the project (without it: that of WANDB_PROJECT, or `clsfw`)"
    )
    mode: Literal["online", "offline"] | None = Field(
        None,
        description="`offline` keeps all in files for `wandb sync` (without it: what WANDB_MODE says, or `online`)",
    )
    directory: RecipePath | None = Field(
        None, description="where the library keeps its own files (without it: in `wandb` beside the run directory)"
    )


class MlflowSettings(TrackerSettings):
    """What `use = "mlflow"` takes; user and password come from MLflow's own environment variables."""

    tracking_uri: Annotated[PathOrUrl, AfterValidator(_without_password)] | None = Field(
        None, description="the server, such as `http://127.0.0.1:5000` (without it: that of MLFLOW_TRACKING_URI)"
    )
    experiment: str | None = Field(
        None,
        min_length=1,
        description="the experiment, made where it is missing (without it: that of MLFLOW_EXPERIMENT_NAME, or `clsfw`)",
    )


class TrackioSettings(TrackerSettings):
    """What `use = "trackio"` takes; where it keeps its files comes from TRACKIO_DIR."""

    project: str = Field("clsfw", min_length=1, description="the project")
    space_id: str | None = Field(
        None,
        min_length=1,
        description="a Space on the Hugging Face hub to send to as well; the key comes from HF_TOKEN",
    )


def _build(name: str, package: str, settings: TrackerSettings) -> Watcher:
    """Build a watcher, without importing the library that its sender will use.

    Raises:
        HostError: the library is not installed, or no server is named.

    """
    found = find_spec(name)
    if found is None or found.origin is None:  # a mere folder `wandb` in the working directory is not the library
        raise HostError(
            f'watcher {name!r} needs the package {package}, which is not installed: pip install "clsfw[{name}]"'
        )
    if isinstance(settings, MlflowSettings) and not (settings.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")):
        raise HostError(
            "watcher 'mlflow' does not know the server: set tracking_uri in its table, or the environment variable "
            "MLFLOW_TRACKING_URI"
        )
    from clsfw_trackers.watcher import Tracker

    return Tracker(name, settings.model_dump())


@hookimpl
def register_watchers() -> list[Component[Watcher]]:
    """Contribute the three watchers."""

    def tracker(name: str, title: str, settings: type[TrackerSettings], package: str) -> Component[Watcher]:
        build: Callable[[TrackerSettings], Watcher] = partial(_build, name, package)
        summary = f"sends settings, losses and scores to {title}, from a process of its own"
        return Component(name=name, summary=summary, settings=settings, build=build)

    return [
        tracker("mlflow", "MLflow", MlflowSettings, "mlflow-skinny"),
        tracker("trackio", "Trackio", TrackioSettings, "trackio"),
        tracker("wandb", "Weights & Biases", WandbSettings, "wandb"),
    ]
