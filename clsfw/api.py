"""The Python door: what `clsfw run`, `study`, `predict` and `compare` do, for a script or a notebook."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clsfw.evidence.comparison import Comparison
    from clsfw.inference.classifier import LoadedClassifier
    from clsfw.inference.run import FinishedRun
    from clsfw.studies.comparing import StudyComparison
    from clsfw.studies.content import FinishedStudy


def run(
    recipe: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    fresh: bool = False,
    accept_other_bits: bool = False,
    display: Literal["auto", "none"] = "auto",
) -> FinishedRun:
    """Run a recipe (a path, or the name of a shipped one) and return the finished run.

    `overrides` maps dotted keys to values, as in `{"trainer.max_steps": 5}`. The same call continues an interrupted run
    and returns a complete one; `fresh` moves an old run directory aside first; with
    `accept_other_bits` an interrupted run goes on in other surroundings, and no longer promises its bits.

    `display="auto"` shows the progress: in a notebook in the cell, elsewhere on standard error, live on a terminal and
    as plain lines without one. `"none"` shows nothing. Warnings are Python warnings in either case.

    Raises:
        ClsfwError: anything that a user can cause; see `clsfw.errors`. A missed expected result does not raise here:
            look at the verdict of the finished run.

    """
    from clsfw.discovery.plugins import discover
    from clsfw.engine.execute import execute
    from clsfw.errors import UsageError
    from clsfw.inference.run import FinishedRun
    from clsfw.recipe.plan import make_plan

    if display not in {"auto", "none"}:
        raise UsageError(f"display must be 'auto' or 'none', not {display!r}")
    plan = make_plan(recipe, overrides or {}, discover())
    options: dict[str, Any] = {"out": out, "fresh": fresh, "accept_other_bits": accept_other_bits}
    if display == "none":
        done = execute(plan, **options)
    else:
        from clsfw.report.live import open_display
        from clsfw.report.notebook import in_notebook

        with open_display(sys.stdout if in_notebook() else sys.stderr) as shown:
            done = execute(plan, **options, display=shown)
        for words in shown.warnings:
            warnings.warn(words, UserWarning, stacklevel=2)
    return FinishedRun(done.directory, done.record, done.metrics)


def study(
    recipe: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    on: str = "local",
) -> FinishedStudy:
    """Carry out the `[study]` of a recipe and return the finished study: its scores over seeds, and its runs.

    The same call continues an interrupted study and returns a complete one; `overrides` as for `run`.
    `jobs` runs are made at once, each in a process of its own (None: one, or as many as the study was begun with),
    on this machine or wherever the executor `on` works, as `--on`.

    Raises:
        ClsfwError: as for `run`; whatever stops a run stops the study, which can be continued.

    """
    from clsfw.discovery.plugins import discover
    from clsfw.studies.execute import carry_out
    from clsfw.studies.plan import make_study

    return carry_out(make_study(recipe, overrides or {}, discover()), out=out, jobs=jobs, on=on)


def load(run_dir: str | Path, *, allow_code: bool = False) -> LoadedClassifier:
    """Return the classifier of a complete run; call it with a text or a list of texts.

    `allow_code` lets code run that the run names, such as the script of a metric; whoever wrote the run may have
    written it.

    Raises:
        RunDirectoryError: there is no complete run, or a file of it was changed.
        UsageError: the run names code, and `allow_code` is not given.
        PluginError: the plugin that made the model is missing or broken.

    """
    from clsfw.inference.classifier import load_classifier

    return load_classifier(run_dir, allow_code=allow_code)


def compare(*runs: str | Path | FinishedRun | FinishedStudy) -> Comparison | StudyComparison:
    """Compare complete runs or studies on the same test rows; see `clsfw compare`.

    Raises:
        UsageError: fewer than two, or their test rows differ.

    """
    from clsfw.studies.comparing import compare_any

    return compare_any([run if not hasattr(run, "directory") else run.directory for run in runs])
