"""Several processes train and predict like one, to the bit; only the first one writes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from support.together import RECIPE, content, ended, run, start, wait_for_checkpoint

from clsfw.contract.parts import Labels
from clsfw.report.display import Quiet
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.distributed import Team
from clsfw_gpu_trainer.forward import Forward
from clsfw_gpu_trainer.optimizer import Optimizer
from clsfw_gpu_trainer.sharing import offered
from clsfw_torch.dropout import RandomMasks
from clsfw_torch.target import choose_target
from clsfw_torch.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELS = Labels(("no", "yes"))


@pytest.mark.thorough
def test_two_processes_give_the_bits_of_one(recipe: Path) -> None:
    alone = run(recipe, "alone", processes=1)
    together = run(recipe, "together", processes=2)

    assert [code for code, _ in (*alone, *together)] == [0, 0, 0], together
    assert together[1][1] == ""
    folder = recipe.parent
    assert json.loads((folder / "together/run.json").read_text())["training"]["processes"] == 2
    assert content(folder / "together") == content(folder / "alone")


@pytest.mark.slow
def test_a_process_that_is_lost_ends_all_and_another_number_continues_to_the_same_bits(recipe: Path) -> None:
    first, *others = start(recipe, "lost", processes=3)
    wait_for_checkpoint(recipe.parent / "lost")
    others[0].kill()
    (code, said), *_ = ended([first, *others])

    assert (code, said.count("clsfw: error: "), said.count("Traceback")) == (6, 1, 0), said
    assert "another process of this run, or its host, was lost (" in said
    assert "the same command, on all hosts again, continues from the last checkpoint" in said
    assert json.loads((recipe.parent / "lost/run.json").read_text())["state"] == "failed"
    for processes, out in ((2, "lost"), (1, "alone"), (3, "three")):
        assert [code for code, _ in run(recipe, out, processes=processes)] == [0] * processes
        assert content(recipe.parent / out) == content(recipe.parent / "lost")


@pytest.mark.slow
def test_a_complete_run_makes_nobody_wait(recipe: Path) -> None:
    for _ in range(2):
        assert [code for code, _ in run(recipe, "complete", processes=2)] == [0, 0]


@pytest.mark.slow
def test_processes_with_other_settings_or_data_do_not_begin(recipe: Path) -> None:
    given = run(recipe, "never", processes=2, changed={1: "seed=7"})

    assert [code for code, _ in given] == [6, 6], given
    for _, said in given:
        assert "would compute differently: trainer '" in said
        assert "give all hosts the same recipe, the same files and the same model" in said


def test_a_trainer_for_one_process_is_refused_in_the_others(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe.write_text(RECIPE.format(trainer="hf-trainer").replace("max_batch_tokens = 24\n", ""))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")

    ((code, said),) = run(recipe, "never", processes=1)

    assert (code, "trainer 'hf-trainer' trains in one process; start clsfw without torchrun" in said) == (2, True)
    assert not (recipe.parent / "never").exists()


def test_the_bits_of_an_exact_run_do_not_hang_on_the_number_of_processes(kit: Any) -> None:
    splits = {"train": kit.data(20)}
    kit.fit(kit.classifier(), splits, max_steps=2)

    with kit.open_run(splits, LABELS) as run:
        assert "processes" not in run.begun
        run.fix(**run.begun)


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
team.require_same("", packed=True)
try:
    team.require_same("take one kind", precision="bf16", packed=rank == 0)
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

    assert said == [
        "processes 0 and 1 would compute differently: packed True and False; take one kind",
        "processes 1 and 0 would compute differently: packed False and True; take one kind",
    ]


@pytest.mark.thorough
def test_processes_share_the_state_of_a_model_with_an_unused_parameter(tmp_path: Path) -> None:
    first, second = meet(MEET + SHARE, tmp_path / "meet")

    assert first == second
    assert json.loads(first) == [7, ["exp_avg/used", "exp_avg_sq/used", "step/used"], True]


def padded_shares(lengths: list[int], model: Any, multiple: int) -> list[list[int]]:
    tokens = Tokens(
        np.ones(sum(lengths), dtype=np.int32),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array(lengths),
        np.zeros(len(lengths), dtype=np.bool_),
    )
    target = choose_target(GpuTrainerSettings(device="cpu", precision="fp32"), Quiet())
    forward = Forward(model, target, RandomMasks(), packed=False, budget=4096)
    return [rows.tolist() for rows in forward.shares(tokens, np.arange(len(lengths)), multiple)]


@pytest.mark.parametrize("lengths", [[9, 8, 8, 7], [40, 1, 1, 1], [5, 5]])
def test_padded_texts_suffice_for_all_processes_where_bits_may_differ(
    lengths: list[int], classifier: Callable[..., Any]
) -> None:
    shares = padded_shares(lengths, classifier(), Team(0, 2, exact=False).multiple)

    assert len(shares) >= 2
    assert sorted(row for rows in shares for row in rows) == list(range(len(lengths)))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_an_exact_team_cuts_as_one_process_does(size: int, classifier: Callable[..., Any]) -> None:
    (part,) = padded_shares([40, 1, 1, 1], classifier(), Team(0, size).multiple)

    assert sorted(part) == [0, 1, 2, 3]


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 8, 9, 40])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_each_part_is_taken_once_and_in_the_order_of_the_processes(parts: int, size: int) -> None:
    rounds = [list(Team(rank, size).rounds(parts)) for rank in range(size)]

    taken = [number for of_all in zip(*rounds, strict=True) for own in of_all for number in own]
    assert taken == list(range(parts))
    if size > 1:
        assert max(len(own) for of_one in rounds for own in of_one) <= 4


ADD = """
from clsfw_gpu_trainer.gradients import Gradients
def gradients(part):  # of part 3 alone the first parameter has none; of the last one only part 5 has any
    torch.manual_seed(part)
    found = [torch.randn(1000) * 10.0 ** (part % 5 - 2), torch.randn(3, 4), -torch.zeros(2)]
    return [None if part == 3 else found[0], found[1], found[2] if part == 5 else None, None]
def added(team):
    parameters = [torch.nn.Parameter(torch.zeros(n)) for n in ((1000,), (3, 4), (2,), (2,))]
    sums = Gradients(parameters, team)
    for numbers in team.rounds(11):
        for number in numbers:
            for parameter, gradient in zip(parameters, gradients(number)):
                if gradient is not None:  # as autograd adds
                    parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
            sums.part_done()
        sums.round_done()
    sums.finish()
    return [p.grad for p in parameters]
def same(found, expected, by):
    return all(b is None if a is None else b is not None and by(a, b) for a, b in zip(found, expected))
alone, loose = added(Team()), Team(rank, 2, distributed.new_group(backend="gloo"), exact=False)
bits = lambda a, b: a.numpy().tobytes() == b.numpy().tobytes()
near = lambda a, b: torch.allclose(a, b, rtol=1e-5, atol=1e-3)  # sums of numbers up to 300
print(same(added(team), alone, bits), same(added(loose), alone, near), [p is None for p in alone])
"""


SHARED = """
import numpy as np
from clsfw import Labels
from clsfw.report.display import Quiet
from clsfw_gpu_trainer.forward import prepared
from clsfw_gpu_trainer.loss import Loss
from clsfw_gpu_trainer.predict import probabilities
from clsfw_gpu_trainer.sharing import Sent
from clsfw_torch.target import choose_target
from clsfw_torch.tokens import Tokens
from transformers import DistilBertConfig, DistilBertForSequenceClassification
torch.manual_seed(0)
config = DistilBertConfig(vocab_size=60, max_position_embeddings=24, n_layers=1, n_heads=2, dim=16, hidden_dim=32)
model = Sent(DistilBertForSequenceClassification(config), Labels(("no", "yes")), 0, 24, None)
draw = np.random.default_rng(0)
lengths = draw.integers(1, 24, 3000)
starts = np.concatenate([[0], np.cumsum(lengths)])
tokens = Tokens(draw.integers(4, 60, starts[-1]).astype(np.int32), starts, lengths, np.zeros(3000, dtype=bool))
truth = draw.integers(0, 2, 3000)
target = choose_target(GpuTrainerSettings(device="cpu", precision="fp32"), Quiet())
def predicted(team, packed):
    with target.applied(), prepared(model, target, Quiet(), max_batch_tokens=512, known=packed) as forward:
        computed = []
        part, forward.part = forward.part, lambda tokens, rows: (computed.append(len(rows)), part(tokens, rows))[1]
        judge = (Loss(False, None, 0.0), truth)
        options = {"what": "validating", "linears": forward.half(), "judge": judge, "team": team}
        found, loss = probabilities(forward, tokens, reporter=Quiet(), **options)
        return found.tobytes(), loss, sum(computed)
for packed in (True, False):
    (found, loss, own), (wanted, alone, every) = predicted(team, packed), predicted(Team(), packed)
    print(found == wanted, loss == alone, every, 1200 < own < 1800)
"""


@pytest.mark.thorough
def test_gradients_and_predictions_of_a_team_have_the_bits_of_one_process(tmp_path: Path) -> None:
    lines = ["True True [False, False, False, True]", "True True 3000 True", "True True 3000 True"]

    assert meet(MEET + ADD + SHARED, tmp_path / "meet") == ["\n".join(lines)] * 2


def test_a_model_that_cannot_be_sent_is_predicted_with_by_one_process(classifier: Callable[..., Any]) -> None:
    model = classifier()
    model.module.somebody = lambda: None

    with pytest.warns(UserWarning, match="one process predicts alone, as the model cannot be sent to the others: "):
        assert not offered(model, Tokens(*(np.zeros(0),) * 4), Team(0, 2), Quiet())  # type: ignore[arg-type]


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
