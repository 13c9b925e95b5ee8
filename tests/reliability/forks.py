"""Lives of real runs: each one is a forked child of a server that has imported everything heavy once.

    with Forks(folder, "gpu-trainer") as forks:
        life = forks.start(out)           # as `clsfw run tiny.toml --out OUT` in a process of its own
        os.kill(life.pid, signal.SIGKILL)
        life.wait()

As a script this file is the server: it reads one JSON request a line, and answers each with one JSON line.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import random
import subprocess
import sys
import time
import traceback
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

SAME = ("model/model.safetensors", "metrics.json", "predictions.csv", "history.jsonl")
"""What must be the same to the byte after any disturbance."""

RECIPE = """
schema = 1
name = "tiny"
seed = 7

[data]
use = "csv"
source = "tiny.csv"

[split]
method = "in-order"
train = 40
validation = 10
test = 20

[model]
use = "hf-distilbert"
max_length = 16

[model.scratch]
vocab_size = 150
dim = 16
hidden_dim = 32
n_layers = 1
n_heads = 2

[trainer]
use = "{trainer}"
batch_size = 8
max_steps = 12
learning_rate = 1e-2
eval_steps = 3
save_steps = 2
logging_steps = 1

[[metrics]]
use = "macro-metrics"
"""


def write_recipe(folder: Path, trainer: str) -> Path:
    """Write a recipe whose run takes about a second, with the data that it names."""
    words = random.Random(1)
    good = ["fine", "lovely", "great", "warm", "clever"]
    bad = ["dull", "awful", "weak", "cold", "silly"]
    lines = ["text,label"]
    for row in range(70):
        chosen = good if row % 2 else bad
        lines.append(f"{' '.join(words.choices([*chosen, 'the', 'film', 'was'], k=words.randint(3, 20)))},{row % 2}")
    (folder / "tiny.csv").write_text("\n".join(lines) + "\n")
    recipe = folder / "tiny.toml"
    recipe.write_text(RECIPE.format(trainer=trainer))
    return recipe


def hashes(out: Path) -> dict[str, str]:
    """Prove a run complete and give the hashes that the promise is about."""
    from clsfw.store.rundir import read_run

    read_run(out)
    listed = json.loads((out / "manifest.json").read_text())["files"]
    return {name: listed[name]["sha256"] for name in SAME}


@dataclass(frozen=True)
class Life:
    """A process that runs the command."""

    forks: Forks
    pid: int
    log: Path

    def wait(self) -> int:
        """Give its exit status, negative for the signal that ended it."""
        code: int = self.forks.ask({"wait": self.pid})
        return code

    def told(self) -> str:
        """Give what it printed."""
        return self.log.read_text()


class Forks:
    """The client of one server."""

    def __init__(self, folder: Path, trainer: str) -> None:
        self.folder = folder
        self.recipe = write_recipe(folder, trainer)
        self._lives = 0
        self._server = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment()
        )

    def __enter__(self) -> Self:
        modules = self.folder / "modules.json"
        out = self.folder / "first" / "run"
        code = self.start(out, modules=modules).wait()
        assert code == 0, (self.folder / "log-1.txt").read_text()
        self.ask({"import": str(modules)})
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate("")

    def start(
        self, out: Path, *arguments: str, fault: dict[str, Any] | None = None, modules: Path | None = None
    ) -> Life:
        """Start the command; what it caches is kept beside the run directory, so that faults meet that too."""
        out.parent.mkdir(exist_ok=True)
        self._lives += 1
        log = self.folder / f"log-{self._lives}.txt"
        job = {
            "arguments": ["run", str(self.recipe), "--out", str(out), *arguments],
            "cache": str(out.parent / "cache"),
            "log": str(log),
            "fault": fault,
            "modules": str(modules) if modules else None,
        }
        return Life(self, self.ask({"start": job}), log)

    def complete(self, out: Path, *arguments: str) -> dict[str, str]:
        """Let a life pass that nothing disturbs, and give the hashes of what it left."""
        life = self.start(out, *arguments)
        code = life.wait()
        assert code == 0, f"the command ended with {code}: {life.told()}"
        return hashes(out)

    def ask(self, request: dict[str, Any]) -> Any:
        """Send a request and give the answer."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps(request), file=self._server.stdin, flush=True)
        return json.loads(self._server.stdout.readline())


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",  # threads do not survive a fork
    }


# The server


def serve() -> None:
    """Answer requests until there are no more; the lives do not wait for the disk."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    os.fsync = lambda _: None
    for line in sys.stdin:
        request = json.loads(line)
        answer = 0
        if "start" in request:
            answer = _fork(request["start"])
        elif "wait" in request:
            answer = os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        else:
            for name in json.loads(Path(request["import"]).read_text()):
                with suppress(Exception):  # some modules exist only as attributes of others
                    importlib.import_module(name)
        print(json.dumps(answer), flush=True)


def _fork(job: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ["CLSFW_CACHE"] = job["cache"]
        from clsfw.cli import main

        with _faults(job["fault"]):
            code = main(job["arguments"])
        if job["modules"]:
            Path(job["modules"]).write_text(json.dumps(list(sys.modules)))
    except BaseException:  # noqa: BLE001  # nothing may get back into the server
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _faults(fault: dict[str, Any] | None) -> AbstractContextManager[None]:
    from clsfw.testing import faults

    if fault is None:
        return nullcontext()
    if fault["kind"] == "kill":
        return faults.faults(faults.kill(fault["at"]))
    if fault["kind"] == "full-disk":
        return faults.faults(faults.fail(fault["at"], errno.ENOSPC, persistent=True))

    def count_or_linger(number: int, name: str, operation: Any, arguments: tuple[Any, ...]) -> None:
        if fault["kind"] == "count":
            Path(fault["file"]).write_text(str(number))
        else:
            time.sleep(fault["seconds"])
        operation(*arguments)

    return faults.faults(count_or_linger)


if __name__ == "__main__":
    serve()
