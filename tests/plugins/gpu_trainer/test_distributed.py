"""Two processes train like one: same batches, same result to rounding; only the first one writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from clsfw.contract.parts import Labels
from clsfw.errors import RunDirectoryError
from clsfw.report.display import Quiet
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.distributed import Team
from clsfw_gpu_trainer.forward import Forward
from clsfw_gpu_trainer.optimizer import Optimizer
from clsfw_torch.dropout import RandomMasks
from clsfw_torch.target import choose_target
from clsfw_torch.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = Labels(("no", "yes"))

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


@pytest.mark.thorough
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


def test_another_number_of_processes_cannot_go_on(kit: Any) -> None:
    splits = {"train": kit.data(20)}
    kit.fit(kit.classifier(), splits, max_steps=2)

    with kit.open_run(splits, LABELS) as run:
        made = dict(run.begun)
        with pytest.raises(RunDirectoryError, match=r"other bits than it promises:\n +processes: 1 before, 2 now\n"):
            run.fix(**{**made, "processes": 2})


MEET = """
import json, sys
import torch
from torch import distributed
from clsfw.errors import HostError
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.distributed import Team
from clsfw_gpu_trainer.optimizer import Optimizer
rank = int(sys.argv[1])
distributed.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
team = Team(rank, 2, distributed.new_group(backend="gloo"))
"""

DIFFER = """
team.require_same(packed=True)
try:
    team.require_same(precision="bf16", packed=rank == 0)
except HostError as error:
    print(error)
"""

SHARE = """
module = torch.nn.ParameterDict({name: torch.full((3,), 1.0 + rank) for name in ("used", "unused")})
optimizer = Optimizer(module, GpuTrainerSettings())
if rank == 0:
    module["used"].grad = torch.ones(3)
    optimizer.update(1, 0.5)
step = team.share_state(7 if rank == 0 else 0, module, optimizer)
there = dict(optimizer.tensors())
print(json.dumps([step, sorted(there), bool(there["exp_avg/used"].all() and (module["unused"] == 1).all())]))
"""


def meet(script: str, place: Path) -> list[str]:
    """Run a script in two processes, which find each other in the file `place`; gives what they said."""
    line = [sys.executable, "-c", script]
    started = [subprocess.Popen([*line, str(rank), place], stdout=subprocess.PIPE, text=True) for rank in (0, 1)]
    try:
        return [process.communicate(timeout=120)[0].strip() for process in started]
    finally:
        for process in started:
            process.kill()


@pytest.mark.thorough
def test_processes_that_would_compute_differently_do_not_begin(tmp_path: Path) -> None:
    said = meet(MEET + DIFFER, tmp_path / "meet")

    advice = "start them on devices of one kind, or write device and precision into the recipe"
    assert said == [
        f"processes 0 and 1 would compute differently: packed True and False; {advice}",
        f"processes 1 and 0 would compute differently: packed False and True; {advice}",
    ]


@pytest.mark.thorough
def test_processes_share_the_state_of_a_model_with_an_unused_parameter(tmp_path: Path) -> None:
    first, second = meet(MEET + SHARE, tmp_path / "meet")

    assert first == second
    assert json.loads(first) == [7, ["exp_avg/used", "exp_avg_sq/used", "step/used"], True]


def padded_parts(lengths: list[int], model: Any, team: Team) -> list[list[int]]:
    tokens = Tokens(
        np.ones(sum(lengths), dtype=np.int32),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array(lengths),
        np.zeros(len(lengths), dtype=np.bool_),
    )
    target = choose_target(GpuTrainerSettings(device="cpu", precision="fp32"), Quiet())
    forward = Forward(model, target, RandomMasks(), packed=False, budget=4096)
    return [part.rows.tolist() for part in forward.parts(tokens, np.arange(len(lengths)), team)]


@pytest.mark.parametrize("lengths", [[9, 8, 8, 7], [40, 1, 1, 1], [5, 5]])
def test_padded_texts_are_shared_out_to_all_processes(lengths: list[int], classifier: Callable[..., Any]) -> None:
    shares = [padded_parts(lengths, classifier(), Team(rank, 2)) for rank in (0, 1)]

    assert all(shares)
    assert sorted(row for parts in shares for part in parts for row in part) == list(range(len(lengths)))


def test_one_process_takes_all_padded_texts_at_once_where_they_fit(classifier: Callable[..., Any]) -> None:
    (part,) = padded_parts([40, 1, 1, 1], classifier(), Team())

    assert sorted(part) == [0, 1, 2, 3]


def test_others_take_over_just_the_state_that_there_is(classifier: Callable[..., Any]) -> None:
    def optimizer() -> Optimizer:
        return Optimizer(classifier().module, GpuTrainerSettings())

    trained, other = optimizer(), optimizer()
    names = list(trained.parameters)
    trained.parameters[names[0]].grad = torch.ones_like(trained.parameters[names[0]])
    trained.update(1, 1e-3)
    other.start(trained.started())

    assert [True, *[False] * (len(names) - 1)] == other.started()
    assert {f"step/{names[0]}", f"exp_avg/{names[0]}", f"exp_avg_sq/{names[0]}"} == {n for n, _ in other.tensors()}
