"""The recipes of GLUE run as they are written, but for a small model, and data from a hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support.model_hub import ModelHub, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLASSES = {"mrpc": ("not_equivalent", "equivalent"), "rte": ("entailment", "not_entailment")}
BERT = 'checkpoint = "google-bert/bert-base-cased"'
SMALL = """scratch = { vocab_size = 120, hidden_size = 16, num_hidden_layers = 1, num_attention_heads = 2,
intermediate_size = 32 }""".replace("\n", " ")


def card() -> bytes:
    """Write the card of a data set with both configurations, as that of GLUE declares them."""
    texts = "".join(f"  - name: {name}\n    dtype: string\n" for name in ("sentence1", "sentence2"))
    known, files = "", ""
    for task, names in CLASSES.items():
        label = "".join(f"          '{i}': {name}\n" for i, name in enumerate(names))
        known += f"- config_name: {task}\n  features:\n{texts}  - name: label\n    dtype:\n      class_label:\n"
        known += f"        names:\n{label}  - name: idx\n    dtype: int32\n"
        files += f"- config_name: {task}\n  data_files:\n"
        files += "".join(f"  - split: {s}\n    path: {task}-{s}.jsonl\n" for s in ("train", "validation", "test"))
    return f"---\ndataset_info:\n{known}configs:\n{files}---\n".encode()


def rows(count: int, *, labelled: bool = True) -> bytes:
    found = ""
    for i in range(count):
        row = {"sentence1": f"the cat {i} sat", "sentence2": "a cat sat" if i % 2 else "a dog ran", "idx": i}
        found += json.dumps({**row, "label": i % 2 if labelled else -1}) + "\n"
    return found.encode()


@pytest.fixture(scope="module")
def hub() -> Iterator[ModelHub]:
    files = {"README.md": card()}
    for task in CLASSES:
        files |= {f"{task}-train.jsonl": rows(40), f"{task}-validation.jsonl": rows(12)}
        files[f"{task}-test.jsonl"] = rows(4, labelled=False)
    hub = ModelHub()
    hub.repositories["nyu-mll/glue"] = Repository(files)
    hub.server.start()
    yield hub
    hub.server.stop()


RUN_ALL = """
import sys
import clsfw

for task in sys.argv[1:]:
    clsfw.run(f"{task}.toml", out=task, overrides={"trainer.num_train_epochs": 1.0}, display="none")
"""


@pytest.fixture(scope="module")
def project(hub: ModelHub, tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """Give a folder with a run of each recipe, in a folder by the name of its task."""
    folder = tmp_path_factory.mktemp("glue")
    for task in CLASSES:
        (folder / f"{task}.toml").write_text((root / "recipes" / f"{task}.toml").read_text().replace(BERT, SMALL))
    gone = {"HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}
    kept: dict[str, Any] = {name: value for name, value in os.environ.items() if name not in gone}
    kept |= {"HF_HOME": str(folder / "hf"), "CLSFW_CACHE": str(folder / "clsfw"), "HF_ENDPOINT": hub.server.base}
    command = [sys.executable, "-c", RUN_ALL, *CLASSES]
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return folder


@pytest.mark.thorough
@pytest.mark.parametrize("task", list(CLASSES))
def test_a_recipe_runs_and_is_judged_on_the_published_scores(task: str, project: Path) -> None:
    record = json.loads((project / task / "run.json").read_text())
    assert "complete" == record["state"]
    assert "NOT COMPARABLE" == record["verdict"]["status"]
    assert {"train": 40, "validation": 12} == {name: part["rows"] for name, part in record["data"]["splits"].items()}
    assert list(CLASSES[task]) == record["data"]["labels"]
    published = {"accuracy", "f1_equivalent"} if task == "mrpc" else {"accuracy"}
    scores = json.loads((project / task / "metrics.json").read_text())["validation"]
    assert published <= scores.keys()
