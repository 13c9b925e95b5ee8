"""The contract with plugin authors, as literals: a change of it shows in the diff of this file.

Read docs/explanation/contract.md before you change a line here: arguments are added, never removed or renamed;
protocols do not grow; a changed meaning is a new name.
"""

from __future__ import annotations

import dataclasses
import inspect

import pytest

import clsfw
import clsfw.kit
import clsfw.testing
from clsfw.contract import hooks as hookspecs
from clsfw.contract import parts as contracts
from clsfw.contract import run as run_contract

HOOKS = {
    "register_data_sources": [],
    "register_models": [],
    "register_trainers": [],
    "register_metrics": [],
    "register_watchers": [],
    "register_searchers": [],
    "register_exporters": [],
    "register_executors": [],
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
    "LinearClassifier": {
        "labels": None,
        "weights": None,
        "bias": None,
        "features": ["texts"],
        "count_tokens": ["texts"],
        "save": ["directory"],
        "parameters": [],
    },
    "Trainer": {
        "needs": None,
        "fit": ["model", "data", "run"],
        "predict": ["model", "texts", "reporter"],
    },
    "Metric": {"compute": ["outcome"]},
    "Watcher": {
        "on_run_start": ["run"],
        "on_step": ["run", "step", "values"],
        "on_evaluate": ["run", "split", "scores"],
        "on_run_end": ["run", "error"],
    },
    "Searcher": {"ask": ["space", "finished", "number", "seed"]},
    "Predictor": {"predict": ["texts", "reporter"]},
    "Exporter": {
        "needs": None,
        "export": ["model", "directory", "texts", "reporter"],
        "load": ["directory", "labels"],
    },
    "Pool": {"begin": ["number", "piece"], "wait": ["timeout"], "stop": []},
    "Executor": {"hosts": [], "open": ["make", "workers", "each"]},
    "HasRowFormat": {"row_format": []},
    "TakesPairs": {"takes_pairs": None},
    "JoinsColumns": {"join_by": ["separator"]},
    "HasSeparator": {"separator": []},
    "HasProvenance": {"provenance": []},
    "ChecksModel": {"check": []},
    "PlansTraining": {"plan_training": ["rows", "parameters"]},
    "TellsWords": {"telling_words": ["label", "text", "count"]},
    "TrainsTogether": {"assist": ["model", "data", "seed", "reporter"]},
    "NamesCode": {"names_code": []},
    "NamesScores": {"score_names": []},
    "ChecksPlan": {"check_plan": ["facts"]},
    "ChecksSpace": {"check_space": ["space", "trials"]},
    "Checkpoints": {"commit": ["step", "write", "keep"], "latest": []},
    "WatchedRun": {
        "name": None,
        "seed": None,
        "labels": None,
        "data": None,
        "reporter": None,
        "directory": None,
    },
    "Run": {
        "checkpoints": None,
        "stop_requested": None,
        "stop": [],
        "begun": None,
        "fix": ["facts"],
        "record": ["facts"],
        "timed": ["name"],
        "log": ["step", "values"],
        "evaluate": ["step", "split", "probabilities", "loss"],
    },
}

VALUES = {
    "Labels": ["names", "multi_label"],
    "Prediction": ["probabilities", "tokens", "truncated", "lost"],
    "Outcome": ["references", "predictions", "probabilities", "labels"],
    "TokenizedTexts": ["ids", "tokens", "truncated", "types", "lost"],
    "PlanFacts": ["splits", "scores", "complete", "expected_steps", "labels"],
    "Range": ["low", "high", "step", "log", "choices"],
    "Trial": ["number", "values", "score"],
    "Resources": ["cpus", "memory_bytes", "gpus"],
    "Event": ["kind", "number", "content"],
    "Checkpoint": ["step", "path", "timings"],
    "RowFormat": [
        "text_columns",
        "label_column",
        "text_separator",
        "labels",
        "label_separator",
        "encoding",
        "delimiter",
        "empty_text",
        "text_pair_column",
    ],
}

CLSFW = [
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

KIT = [
    "Row",
    "Rows",
    "alone",
    "cache_directory",
    "check_file",
    "clean",
    "csv_line",
    "did_you_mean",
    "encodable",
    "explained",
    "from_spreadsheet_cell",
    "is_web_page",
    "join_labels",
    "likely_delimiter",
    "open_rows",
    "references",
    "rename",
    "require_space",
    "split_labels",
    "spreadsheet_cell",
    "staged_directory",
    "sync",
    "temporary",
    "texts_of",
    "write_bytes",
    "write_json",
    "write_text",
]

TESTING = [
    "Check",
    "ContractError",
    "Listener",
    "ODD_TEXTS",
    "ToyClassifier",
    "ToyModel",
    "ToyTrainer",
    "check_data_source",
    "check_light_import",
    "check_metric",
    "check_model",
    "check_searcher",
    "check_settings",
    "check_trainer",
    "check_watcher",
    "checks",
    "open_run",
    "toy_splits",
]


def arguments(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


def own_classes():
    return {
        name: value
        for module in (contracts, run_contract)
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    }


def test_hooks():
    specified = {n: arguments(v) for n, v in vars(hookspecs).items() if hasattr(v, "clsfw_spec")}

    assert specified == HOOKS


def test_protocols():
    found = {}
    for name, value in own_classes().items():
        if not dataclasses.is_dataclass(value):
            attributes = dict.fromkeys(vars(value).get("__annotations__", {}))
            attributes |= dict.fromkeys(n for n, v in vars(value).items() if isinstance(v, property))
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


@pytest.mark.parametrize(("module", "names"), [(clsfw, CLSFW), (clsfw.kit, KIT), (clsfw.testing, TESTING)])
def test_public_names(module, names):
    assert sorted(module.__all__) == names


@pytest.mark.parametrize("module", [clsfw, clsfw.kit, clsfw.testing], ids=str)
def test_public_names_exist(module):
    assert [] == [name for name in module.__all__ if not hasattr(module, name)]
