"""One small recipe, run by several processes as torchrun starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

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
max_steps = 60
learning_rate = 1e-3
max_batch_tokens = 24
eval_steps = 20
save_steps = 10
logging_steps = 3

[[metrics]]
use = "macro-metrics"
"""


def start(
    recipe: Path, out: str, *, processes: int, changed: dict[int, str] | None = None
) -> list[subprocess.Popen[str]]:
    """Start a recipe in so many processes, as torchrun does; `changed` says what a process sets otherwise."""
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
        if changed and rank in changed:
            line += ["--set", changed[rank]]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(line, env=environment, **pipes))
    return started


def ended(started: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Wait for processes; gives exit codes and what they said."""
    try:
        said = [process.communicate(timeout=300)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, text) for process, text in zip(started, said, strict=True)]


def run(recipe: Path, out: str, *, processes: int, changed: dict[int, str] | None = None) -> list[tuple[int, str]]:
    return ended(start(recipe, out, processes=processes, changed=changed))


def content(folder: Path) -> dict[str, bytes]:
    """Return what a run promises to give again."""
    names = ("history.jsonl", "metrics.json", "predictions.csv", "model/model.safetensors")
    return {name: (folder / name).read_bytes() for name in names}


def wait_for_checkpoint(folder: Path) -> None:
    """Wait until a run has committed one."""
    deadline = time.monotonic() + 200
    while not list((folder / "checkpoints").glob("step-*")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
