"""Two processes train like one: same batches, same result to rounding; only the first one writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.numpy import load_file

from clsfw.errors import RunDirectoryError
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.optimizer import Optimizer
from clsfw_gpu_trainer.state import restore_state

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPE = """
schema = 1
name = "together"

[data]
use = "csv"
source = "texts.csv"
text_column = "text"
label_column = "label"
labels = {{ no = "no", yes = "yes" }}

[split]
method = "in-order"
train = 60
validation = 20
test = 20

[model]
use = "hf-distilbert"
max_length = 24
dropout = 0.0
attention_dropout = 0.0
seq_classif_dropout = 0.0

[model.scratch]
vocab_size = 120
dim = 16
hidden_dim = 32
n_layers = 2
n_heads = 2

[trainer]
use = "{trainer}"
device = "cpu"
precision = "fp32"
batch_size = 8
max_steps = 12
learning_rate = 1e-3
eval_steps = 4
logging_steps = 1

[[metrics]]
use = "macro-metrics"
"""


@pytest.fixture
def recipe(tmp_path: Path, data: Callable[..., Any]) -> Path:
    rows = data(100)
    lines = [f"{text},{('no', 'yes')[label]}" for text, label in zip(rows["text"], rows["label"], strict=True)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    (tmp_path / "together.toml").write_text(RECIPE.format(trainer="gpu-trainer"))
    return tmp_path / "together.toml"


def run(recipe: Path, out: str, *, processes: int) -> list[tuple[int, str]]:
    """Run a recipe in so many processes, as torchrun starts them; gives exit codes and what they said."""
    clsfw = Path(sys.executable).with_name("clsfw")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(processes):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if processes > 1:
            environment |= {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes),
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            }  # fmt: skip
        line = [clsfw, "run", recipe, "--out", recipe.parent / out]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(line, env=environment, **pipes))
    said = [process.communicate(timeout=120)[0] for process in started]
    return [(process.returncode, text) for process, text in zip(started, said, strict=True)]


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_two_processes_give_what_one_gives(recipe: Path) -> None:
    alone = run(recipe, "alone", processes=1)
    together = run(recipe, "together", processes=2)

    assert [code for code, _ in (*alone, *together)] == [0, 0, 0], together
    assert together[1][1] == ""
    folder = recipe.parent
    assert json.loads((folder / "together/run.json").read_text())["training"]["processes"] == 2
    expected, given = history(folder / "alone"), history(folder / "together")
    assert [(line["step"], sorted(line)) for line in given] == [(line["step"], sorted(line)) for line in expected]
    for a, b in zip(given, expected, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
    wanted = load_file(folder / "alone/model/model.safetensors")
    found = load_file(folder / "together/model/model.safetensors")
    for name, value in wanted.items():
        assert abs(found[name] - value).max() < 1e-5, name
    assert [code for code, _ in run(recipe, "together", processes=2)] == [0, 0]  # complete already: nobody waits


def test_a_trainer_for_one_process_is_refused_in_the_others(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe.write_text(RECIPE.format(trainer="hf-trainer"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")

    ((code, said),) = run(recipe, "never", processes=1)

    assert (code, "trainer 'hf-trainer' trains in one process; start clsfw without torchrun" in said) == (2, True)
    assert not (recipe.parent / "never").exists()


def test_another_number_of_processes_cannot_go_on(
    fit: Callable[..., Any], classifier: Callable[..., Any], data: Callable[..., Any]
) -> None:
    run = fit(classifier(), {"train": data(20)}, max_steps=2)
    folder = run.checkpoints.latest().path
    module = classifier().module
    optimizer = Optimizer(module, GpuTrainerSettings())

    with pytest.raises(
        RunDirectoryError, match=r"1 process trained this run, and now there are 2.* --nproc-per-node 1"
    ):
        restore_state(folder, module, optimizer, processes=2)
