"""The metric `hf-evaluate`: any metric of the `evaluate` library, by its name on the hub or from a local script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from clsfw import Component, PathOrHubId, Settings, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw import Metric

_KNOWN = ("accuracy", "f1", "matthews_correlation", "precision", "recall", "roc_auc")
"""Scripts of the library that give one score, called as they are."""


def _keep_names(value: Any, resolve: ValidatorFunctionWrapHandler) -> Any:
    """Take for a path only what is written as one: a folder that happens to be called `f1` is not the metric `f1`."""
    if not isinstance(value, str) or value.startswith((".", "/", "~")) or "\\" in value:
        return resolve(value)
    if value.endswith(".py"):
        return resolve(f"./{value}")
    if value.count("/") > 1:
        raise ValueError(f"{value!r} is neither a name, an owner/name, nor a path; a path starts with './' or '/'")
    resolve(value)
    return value


MetricName = Annotated[PathOrHubId, WrapValidator(_keep_names)]


class HfEvaluateSettings(Settings):
    """Options of `hf-evaluate`."""

    metric: MetricName = Field(
        description="name such as 'f1' or 'owner/name', or a local script: a path with './' in front or '.py' behind"
    )
    average: Literal["macro", "micro", "weighted", "binary", "samples", "none"] | None = Field(
        default=None,
        description="how a metric that knows this option averages over the classes; 'none': a score for each class",
    )
    config_name: str | None = Field(
        default=None, description="configuration of the metric, such as 'multilabel' for several labels per text"
    )
    revision: str | None = Field(
        default=None, description="version of the script on the hub; without it, the one of the installed library"
    )
    kwargs: dict[str, Any] = Field(default_factory=dict, description="further arguments of the metric's compute()")
    prefix: str = Field(default="", description="put before each score's name, to use one metric twice")
    greater_is_better: bool = Field(default=True, description="whether a greater score is a better one")

    def score_names(self) -> Mapping[str, bool]:
        """Return the one name that nearly every script uses, its own, where that is certain.

        The labels' own scores have no names yet. Other scripts than the known ones may give what they like, unless the
        recipe speaks of their one score by `greater_is_better = false`.
        """
        if self.average == "none" or (self.greater_is_better and self.metric not in _KNOWN):
            return {}
        name = self.metric.rsplit("/", 1)[-1].removesuffix(".py")
        return {f"{self.prefix}{name}": self.greater_is_better}

    def names_code(self) -> str | None:
        """Return the setting that names another script than the library's own of the installed version.

        A revision counts too: on the hub anybody may propose one. So does a configuration, by which some of the
        library's scripts fetch weights of any origin.
        """
        if "/" in self.metric:  # a path, or an owner's
            return f"metric = {self.metric!r}"
        if self.revision is not None:
            return f"revision = {self.revision!r}"
        if self.config_name not in (None, "multilabel"):
            return f"config_name = {self.config_name!r}"
        return None


def build(settings: HfEvaluateSettings) -> Metric:
    """Load the metric's script.

    Raises:
        NetworkError: the metric is not in the cache and cannot be fetched.
        ModelError: the local script is missing or holds no metric.
        HostError: the script needs a library that is not installed, or the cache cannot be written.
        UsageError: a file in the working directory would be run in place of the metric of that name.

    """
    from clsfw_hf_evaluate.scripts import HfEvaluateMetric, load_script

    return HfEvaluateMetric(load_script(settings), settings)


@hookimpl
def register_metrics() -> list[Component[Metric]]:
    """Contribute `hf-evaluate`."""
    return [
        Component(
            name="hf-evaluate",
            summary="any metric of the Hugging Face evaluate library, by name or from a local script",
            settings=HfEvaluateSettings,
            build=build,
        )
    ]
