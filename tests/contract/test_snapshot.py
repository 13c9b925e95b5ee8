"""The contract with plugin authors, as literals: a change of it shows in the diff of this file.

Read docs/explanation/contract.md before you change a line here: arguments are added, never removed or renamed;
protocols do not grow; a changed meaning is a new name.
"""

from __future__ import annotations

import dataclasses
import inspect

import clsfw
from clsfw.contract import hooks as hookspecs
from clsfw.contract import parts as contracts

HOOKS = {
    "register_data_sources": [],
    "register_models": [],
    "register_trainers": [],
    "register_metrics": [],
    "on_run_start": ["run"],
    "on_step": ["run", "step", "values"],
    "on_evaluate": ["run", "split", "scores"],
    "on_run_end": ["run", "error"],
}

PROTOCOLS = {
    "Reporter": {"note": ["text"], "warn": ["text"], "progress": ["what", "done", "total", "unit"]},
    "DataSource": {"load": ["reporter"]},
    "Classifier": {"labels": None, "save": ["directory"], "parameters": []},
    "Model": {"create": ["labels", "texts", "seed", "reporter"], "load": ["directory"]},
    "TorchClassifier": {
        "labels": None,
        "module": None,
        "pad_token_id": None,
        "max_length": None,
        "tokenize": ["texts"],
        "tokenizer_key": [],
        "save": ["directory"],
        "parameters": [],
    },
    "Trainer": {
        "needs": None,
        "fit": ["model", "data", "run"],
        "predict": ["model", "texts", "reporter"],
    },
    "Metric": {"compute": ["outcome"]},
    "HasProvenance": {"provenance": []},
    "ChecksModel": {"check": []},
    "PlansTraining": {"plan_training": ["rows", "parameters"]},
    "TrainsTogether": {"assist": ["model", "data", "seed", "reporter"]},
    "NamesScores": {"score_names": []},
    "ChecksPlan": {"check_plan": ["facts"]},
}

VALUES = {
    "Labels": ["names", "multi_label"],
    "Prediction": ["probabilities", "tokens", "truncated"],
    "Outcome": ["references", "predictions", "probabilities", "labels"],
    "TokenizedTexts": ["ids", "tokens", "truncated"],
    "PlanFacts": ["splits", "scores", "complete", "expected_steps", "labels"],
}

PUBLIC_NAMES = [
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


def arguments(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


def own_classes():
    return {n: v for n, v in vars(contracts).items() if inspect.isclass(v) and v.__module__ == contracts.__name__}


def test_hooks():
    specified = {n: arguments(v) for n, v in vars(hookspecs).items() if hasattr(v, "clsfw_spec")}

    assert specified == HOOKS


def test_protocols():
    found = {}
    for name, value in own_classes().items():
        if not dataclasses.is_dataclass(value):
            attributes = dict.fromkeys(vars(value).get("__annotations__", {}))
            methods = {n: arguments(v) for n, v in vars(value).items() if inspect.isfunction(v) and n[0] != "_"}
            found[name] = attributes | methods

    assert found == PROTOCOLS


def test_values():
    found = {
        n: [f.name for f in dataclasses.fields(v)] for n, v in own_classes().items() if dataclasses.is_dataclass(v)
    }

    assert found == VALUES


def test_components():
    assert ["name", "summary", "settings", "build"] == [f.name for f in dataclasses.fields(clsfw.Component)]


def test_public_names():
    assert sorted(clsfw.__all__) == PUBLIC_NAMES


def test_public_names_exist():
    assert [] == [name for name in clsfw.__all__ if not hasattr(clsfw, name)]
