"""The checks that come before any timing: on CUDA where there is a device, on the CPU otherwise.

`python tests/bench/correctness.py outcomes.json` goes on where an earlier call with this file ended.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, Features, Value
from measure import write_json
from transformers import AutoConfig, AutoModelForSequenceClassification

from clsfw.contract.parts import Labels, TokenizedTexts
from clsfw.engine.handles import TrainerHandle
from clsfw.engine.run import Execution
from clsfw.process.signals import StopSignals
from clsfw.report.display import Quiet
from clsfw.store.rundir import RunDirectory
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.forward import prepared
from clsfw_gpu_trainer.selfcheck import flash_is_right
from clsfw_gpu_trainer.trainer import GpuTrainer
from clsfw_torch.dropout import RandomMasks
from clsfw_torch.packed import pack, packed_forward
from clsfw_torch.target import choose_target
from clsfw_torch.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAMILIES = ("distilbert", "bert", "electra", "roberta", "xlm-roberta", "camembert")
LENGTHS = np.array([100, 3, 17, 64, 33, 1])
EXACT, ROUGH = 1e-3, 5e-2
"""Largest distance of a tensor relative to its norm: in float32, and in bf16 against float32.

Where stock bf16, padded, is itself as far off as that, twice its distance is the limit.
"""

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Told(Quiet):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def checks() -> dict[str, Callable[[], str]]:
    return {
        **{f"packed against padded, {family}": lambda family=family: packed_is_padded(family) for family in FAMILIES},
        "attention kernel against torch's own": kernel,
        "fallback when a check fails": fallback,
        "two runs give the same bits": lambda: same_bits(cut_off=False),
        "a resumed run ends like an undisturbed one": lambda: same_bits(cut_off=True),
    }


def check_all(file: Path) -> bool:
    """Run the checks that the file has no outcome of; none stops the others.

    Before each one the file says that it ended the process, for the case that it does. Gives False where the next ones
    need a new process, because this one lost its device.
    """
    outcomes: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}
    for name, check in checks().items():
        if name in outcomes:
            continue
        outcomes[name] = {"ok": False, "detail": "ended the process that ran it, or took too long"}
        write_json(file, outcomes)
        outcomes[name] = outcome_of(check)
        write_json(file, outcomes)
        if not outcomes[name]["ok"] and "CUDA error" in outcomes[name]["detail"]:
            return False
    return True


def outcome_of(check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"ok": True, "detail": check()}
    except Exception as exc:  # noqa: BLE001  # whatever goes wrong is the result
        return {"ok": False, "detail": f"{type(exc).__name__}: {exc}", "trace": traceback.format_exc()}


def make(family: str) -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 256}
    if family == "distilbert":
        sizes = {"dim": 128, "n_layers": 2, "n_heads": 2, "hidden_dim": 256}
    config = AutoConfig.for_model(
        family,
        vocab_size=300,
        max_position_embeddings=128,
        pad_token_id=1,
        num_labels=2,
        initializer_range=0.1,
        **sizes,
    )
    return AutoModelForSequenceClassification.from_config(config).to(DEVICE).eval()


def tokens() -> Tokens:
    ids = np.random.default_rng(0).integers(2, 300, size=LENGTHS.sum()).astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(LENGTHS)])
    return Tokens(ids, starts, LENGTHS, np.zeros(len(LENGTHS), dtype=np.bool_))


def packed_is_padded(family: str) -> str:
    """Compare logits and all gradients in float32, and in bf16 against float32."""
    model, rows = make(family), np.arange(len(LENGTHS))
    ids, mask = (torch.from_numpy(array).to(DEVICE) for array in tokens().padded(rows, 1))
    expected = outcome(model, {"input_ids": ids, "attention_mask": mask}, rough=False)
    plain = outcome(model, {"input_ids": ids, "attention_mask": mask}, rough=True)
    with packed_forward(model):
        inputs = pack(model, tokens(), rows, torch.device(DEVICE), RandomMasks())
        exact = distance(outcome(model, inputs, rough=False), expected)
        rough = distance(outcome(model, inputs, rough=True), expected)
    stock = distance(plain, expected)
    limit = max(ROUGH, 2 * stock)
    said = f"float32 within {exact:.1e} (limit {EXACT}), bf16 within {rough:.1e} (limit {limit:.1e}, stock {stock:.1e})"
    if exact > EXACT or rough > limit:
        raise AssertionError(said.replace("within", "off by"))
    return said


def outcome(model: Any, inputs: dict[str, Any], *, rough: bool) -> dict[str, torch.Tensor]:
    model.zero_grad()
    with torch.autocast(DEVICE, torch.bfloat16, enabled=rough):
        logits = model(**inputs).logits
    logits.float().square().sum().backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return {"logits": logits.detach().float(), **gradients}


def distance(given: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """Give the largest distance of any tensor, relative to its norm; those of mere rounding are left out."""
    top = max(float(value.norm()) for value in expected.values())
    kept = {name: value for name, value in expected.items() if float(value.norm()) > 1e-6 * top}
    return max(float((given[name] - value).norm() / value.norm()) for name, value in kept.items())


def kernel() -> str:
    if DEVICE == "cpu":
        return "no CUDA device here"
    if not flash_is_right(make("bert"), torch.device(DEVICE), RandomMasks()):
        raise AssertionError("the kernel's results are off")
    return "forward and backward, whole texts and first tokens"


def fallback() -> str:
    """Break the inside of a model and see that it is padded, with a warning."""
    model = make("bert")
    model.bert.encoder.layer[-1].attention.self.register_forward_hook(lambda _, __, output: (output[0] + 1, None))
    told = Told()
    settings = GpuTrainerSettings(device=DEVICE, precision="bf16")
    with prepared(
        Words(model), choose_target(settings, told), told, max_batch_tokens=settings.max_batch_tokens
    ) as forward:
        if forward.packed or not told.warnings:
            raise AssertionError("a model whose packed results differ was packed")
    return told.warnings[-1]


class Words:
    """A tiny classifier whose texts are numbers."""

    labels = Labels(("no", "yes"))
    pad_token_id = 1
    max_length = 100

    def __init__(self, module: Any) -> None:
        self.module = module

    def tokenize(self, texts: Any) -> TokenizedTexts:
        ids = [[int(word) for word in text.split()][:100] for text in texts]
        lengths = np.array([len(row) for row in ids])
        return TokenizedTexts(ids, lengths, lengths > self.max_length)

    def tokenizer_key(self) -> str:
        return "numbers"

    def save(self, directory: Path) -> None:
        raise NotImplementedError

    def parameters(self) -> tuple[int, int]:
        raise NotImplementedError


class Crash(BaseException):
    """Stands for a kill."""


def same_bits(*, cut_off: bool) -> str:
    """Train twice in deterministic mode, dropout on, the second time cut off in the middle if asked for."""
    weights = []
    for second in (False, True):
        with tempfile.TemporaryDirectory() as name:
            if second and cut_off:
                with contextlib.suppress(Crash):
                    train(Path(name) / "run", crash_at=7)
            weights.append(train(Path(name) / "run"))
    different = [name for name, value in weights[0].items() if not torch.equal(value, weights[1][name])]
    if different:
        raise AssertionError(f"{len(different)} of {len(weights[0])} tensors differ, the first is {different[0]}")
    return f"{len(weights[0])} tensors equal to the bit after 10 steps"


def train(folder: Path, crash_at: int | None = None) -> dict[str, torch.Tensor]:
    model = Words(make("bert").train())
    generator = np.random.default_rng(0)
    texts = [" ".join(map(str, generator.integers(2, 300, size=generator.integers(1, 100)))) for _ in range(96)]
    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
    data = Dataset.from_dict({"text": texts, "label": [len(text) % 2 for text in texts]}, features=features)
    settings = GpuTrainerSettings(
        device=DEVICE, batch_size=16, max_steps=10, save_steps=5, full_determinism=True, learning_rate=1e-3
    )
    with opened(folder, {"train": data}, crash_at) as run:
        GpuTrainer(settings).fit(model, run.data, run)
    return {name: value.cpu() for name, value in model.module.state_dict().items()}


@contextlib.contextmanager
def opened(folder: Path, data: dict[str, Dataset], crash_at: int | None) -> Iterator[TrainerHandle]:
    told = Told()

    def progress(what: str, done: int, total: int | None, unit: str) -> None:
        if (what, done) == ("training", crash_at):
            raise Crash

    told.progress = progress
    with RunDirectory.open(folder) as store, StopSignals() as signals:
        execution = Execution(
            name="bench", seed=42, labels=Words.labels, data=data, store=store, metrics=[], watchers=[], display=told,
            signals=signals,
        )  # fmt: skip
        yield TrainerHandle(execution)


if __name__ == "__main__":
    sys.exit(0 if check_all(Path(sys.argv[1])) else 1)
