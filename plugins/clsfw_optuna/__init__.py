"""The searcher `optuna`: it learns from the trials so far where to look next."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from clsfw import Component, Settings, hookimpl

if TYPE_CHECKING:
    from typing import Self

    from clsfw import Searcher


class OptunaSettings(Settings):
    """Options of `optuna`."""

    sampler: Literal["tpe", "gp"] = Field(
        default="tpe",
        description="how it proposes: `tpe` (tree-structured Parzen estimator) or `gp` (Gaussian process)",
    )
    n_startup_trials: int = Field(
        default=10,
        ge=1,
        description="how many trials are drawn at random first, before there is something to learn from",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if find_spec("optuna") is None:
            raise ValueError('needs the package optuna, which is not installed: pip install "clsfw[optuna]"')
        return self


def build_optuna(settings: OptunaSettings) -> Searcher:
    """Build the searcher."""
    from clsfw_optuna.searcher import OptunaSearcher

    return OptunaSearcher(settings.sampler, settings.n_startup_trials)


@hookimpl
def register_searchers() -> list[Component[Searcher]]:
    """Contribute `optuna`."""
    return [
        Component(
            name="optuna",
            summary="proposes by what earlier trials came to (TPE or a Gaussian process)",
            settings=OptunaSettings,
            build=build_optuna,
        )
    ]
