"""Loads metric scripts by the `evaluate` library and feeds them outcomes."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import evaluate
import evaluate.config
import numpy as np
from evaluate.utils.file_utils import hash_url_to_filename, hf_hub_url
from huggingface_hub import constants as hub

from clsfw import DataError, HostError, ModelError, NetworkError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw import Outcome
    from clsfw_hf_evaluate import HfEvaluateSettings

_SEED = 0  # some scripts resample; without a seed the library takes one from NumPy's global state


def load_script(settings: HfEvaluateSettings) -> Any:
    """Return the library's metric object; the errors are those of `build`."""
    name = settings.metric
    if name.startswith("/"):
        _check_local(Path(name))
    else:
        _check_no_stand_in(name)
    if hub.HF_HUB_OFFLINE:
        evaluate.config.HF_EVALUATE_OFFLINE = True  # the library does not read the hub's own switch
    # Without a revision the library falls back on whatever the main branch holds today.
    revision = settings.revision or evaluate.SCRIPTS_VERSION
    try:
        script = evaluate.load(
            name,
            config_name=settings.config_name,
            module_type="metric",
            revision=revision,
            keep_in_memory=True,
            seed=_SEED,
        )
    except ImportError as exc:
        raise HostError(f"metric {name!r}: {exc}") from exc
    except (ConnectionError, FileNotFoundError) as exc:
        raise NetworkError(_unreachable(settings)) from exc
    except OSError as exc:
        raise HostError(
            f"metric {name!r}: the evaluate library cannot use its cache: {exc}; set HF_HOME to a writable folder"
        ) from exc
    except (TypeError, SyntaxError) as exc:
        raise ModelError(f"metric {name!r} is not a usable script of the evaluate library: {exc}") from exc
    if not name.startswith("/") and not _is_of_revision(script, name, revision):
        raise NetworkError(_unreachable(settings))
    return script


def _is_of_revision(script: Any, name: str, revision: str) -> bool:
    """Return whether a script is one that the hub gave for this revision, now or before.

    Where the hub fails, the library takes the newest script of that name in its cache, of whatever revision.
    """
    repository = name if "/" in name else f"evaluate-metric/{name}"
    file = f"{name.rsplit('/', 1)[-1]}.py"
    tag = f"v{revision}" if re.match(r"\d*\.\d*\.\d*", revision) else revision  # as the library has it
    stem = hash_url_to_filename(hf_hub_url(repository, file, tag)).removesuffix(".py")
    taken = Path(inspect.getfile(type(script))).with_name(file).read_bytes()
    downloads = Path(evaluate.config.DOWNLOADED_EVALUATE_PATH)
    return any(given.read_bytes() == taken for given in downloads.glob(f"{stem}*.py"))


def _check_local(path: Path) -> None:
    script = path if path.suffix == ".py" else path / f"{path.name}.py"
    if not script.is_file():
        raise ModelError(
            f"no metric script at {str(script)!r}; give a .py file, or a folder with a script of its own name"
        )


def _check_no_stand_in(name: str) -> None:
    """Refuse a name that the library would look up in the working directory first, and run."""
    stand_in = Path(name) / f"{name.rsplit('/', 1)[-1]}.py"
    if stand_in.is_file():
        raise UsageError(
            f"the evaluate library would run {str(stand_in)!r} of the working directory in place of metric {name!r};"
            f" write './{name}' if that is meant, or start from another directory"
        )


def _unreachable(settings: HfEvaluateSettings) -> str:
    offline = " (offline by HF_EVALUATE_OFFLINE or HF_HUB_OFFLINE)" if evaluate.config.HF_EVALUATE_OFFLINE else ""
    revision = f" at revision {settings.revision!r}" if settings.revision else ""
    return (
        f"metric {settings.metric!r}{revision} of the evaluate library is neither cached nor to be fetched{offline};"
        " check the name, run once with a network so that it is cached, or give the path of a local script"
    )


class HfEvaluateMetric:
    """One loaded metric with its arguments."""

    def __init__(self, script: Any, settings: HfEvaluateSettings) -> None:
        self._script = script
        self._name = settings.metric
        self._one_label_only = settings.config_name is None  # the scripts' own habit: "multilabel" is a configuration
        self._prefix = settings.prefix
        self._arguments = dict(settings.kwargs)
        if settings.average is not None:
            self._arguments["average"] = None if settings.average == "none" else settings.average

    def compute(self, outcome: Outcome) -> Mapping[str, Any]:
        """Return what the script gives; a list with one number per class becomes one score per label.

        Raises:
            DataError: the texts carry several labels, and the script's configuration takes one.

        """
        try:
            given = self._script.compute(**self._inputs(outcome), **self._arguments)
        except ValueError as exc:
            if outcome.labels.multi_label and self._one_label_only:
                raise DataError(
                    f"metric {self._name!r} takes one label per text, but the texts carry several: {exc}; "
                    "set config_name = 'multilabel', if the metric has it"
                ) from exc
            raise
        names = outcome.labels.names
        scores: dict[str, Any] = {}
        for key, value in (given or {}).items():
            if isinstance(value, (list, tuple, np.ndarray)) and np.shape(value) == (len(names),):
                scores |= {f"{self._prefix}{key}_{name}": one for name, one in zip(names, value, strict=True)}
            else:
                scores[f"{self._prefix}{key}"] = value
        return scores

    def _inputs(self, outcome: Outcome) -> dict[str, Any]:
        """Fill the script's inputs: it wants decisions, or as `roc_auc` does, scores."""
        features = self._script.features
        wanted = set(features[0] if isinstance(features, list) else features)
        inputs: dict[str, Any] = {"references": outcome.references.tolist()}
        if "prediction_scores" in wanted:
            binary = len(outcome.labels.names) == 2 and not outcome.labels.multi_label  # noqa: PLR2004  # two is binary
            scores = outcome.probabilities[:, 1] if binary else outcome.probabilities
            return inputs | {"prediction_scores": scores.tolist()}
        return inputs | {"predictions": outcome.predictions.tolist()}
