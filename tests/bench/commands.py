"""What commands take from their start to their end: a check, a check with local files, and a run of the baseline.

    python tests/bench/commands.py --data reviews.csv.bz2 --checkpoint folder/of/minilm --output commands.json
    python tests/bench/commands.py ... --before folder/of/an/older/checkout

Each is a process of its own, and they take turns; the first turn fills the cache and is not counted. Raw results are
seconds and seconds of the processor, which hardly depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import ROOT, machine, write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the movie reviews")
    parser.add_argument("--checkpoint", type=Path, required=True, help="the folder of an encoder")
    parser.add_argument("--before", type=Path, help="an older checkout to compare with")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="the names of the commands to run")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    trees = {"now": ROOT} | ({"before": options.before.resolve()} if options.before else {})
    report: dict[str, Any] = {"command": sys.argv, "machine": machine(products=False), "runs": []}
    for turn in range(options.turns + 1):
        for name, line in commands(options.data.resolve(), options.checkpoint.resolve()).items():
            for tree, path in trees.items():
                if options.only is None or name in options.only:
                    seen = {"arm": name, "tree": tree, "turn": turn, **timed(line, path, options.output.resolve())}
                    report["runs"].append(seen)
                    write_json(options.output, report)
                    print(json.dumps(seen), flush=True)
    for name, tree in dict.fromkeys((run["arm"], run["tree"]) for run in report["runs"]):
        own = [run for run in report["runs"] if (run["arm"], run["tree"]) == (name, tree) and run["turn"]]
        medians = (statistics.median(run[key] for run in own) for key in ("seconds", "cpu_seconds"))
        print(name, tree, " ".join(f"{median:.2f} s" for median in medians))


def commands(data: Path, checkpoint: Path) -> dict[str, list[str]]:
    """Return the command lines by what they are called."""
    local = ["--set", f"data.source={data}"]
    encoder = ["--set", "model.use=hf-encoder", "--set", f"model.checkpoint={checkpoint}"]
    return {
        "check quickstart": ["check", "recipes/quickstart.toml"],
        "check flagship": ["check", "recipes/imdb_distilbert.toml", *local, *encoder],
        "run tfidf": ["run", "recipes/imdb_tfidf.toml", *local],
    }


def timed(line: list[str], tree: Path, output: Path) -> dict[str, Any]:
    """Run a command of a checkout; a run goes into a folder that is removed."""
    with tempfile.TemporaryDirectory() as name:
        if line[0] == "run":
            line = [*line, "--out", f"{name}/run"]
        path = os.pathsep.join([str(tree), str(tree / "plugins")])
        cache = output.parent / f"{output.stem}-cache"
        env = {**os.environ, "PYTHONPATH": path, "CLSFW_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
        began, before = time.perf_counter(), os.times()
        subprocess.run([sys.executable, "-m", "clsfw", *line], check=True, cwd=tree, env=env, capture_output=True)
        seconds, after = time.perf_counter() - began, os.times()
        worked = after.children_user + after.children_system - before.children_user - before.children_system
        timings = Path(name, "run", "timings.json")
        more = {"timings": json.loads(timings.read_text())} if timings.exists() else {}
    return {"seconds": round(seconds, 3), "cpu_seconds": round(worked, 3), **more}


if __name__ == "__main__":
    main()
