"""What commands take from their start to their end: checks, a run of the baseline, and the report of a finished run.

    python tests/bench/commands.py --data reviews.csv.bz2 --checkpoint folder/of/minilm --output commands.json
    python tests/bench/commands.py ... --before folder/of/an/older/checkout

Each is a process of its own, and they take turns; the first turn fills the cache and is not counted. Raw results are
seconds and seconds of the processor, which hardly depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measure import ROOT, machine, write_json

REPORT = """
import sys
from pathlib import Path
from clsfw.report.html import render_report
Path(sys.argv[2]).write_text(render_report(Path(sys.argv[1])), encoding="utf-8")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the movie reviews")
    parser.add_argument("--checkpoint", type=Path, required=True, help="the folder of an encoder")
    parser.add_argument("--before", type=Path, help="an older checkout to compare with")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="the names of the commands to run; the report is that of a run")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    output = options.output.resolve()
    trees = {"now": ROOT} | ({"before": options.before.resolve()} if options.before else {})
    report: dict[str, Any] = {"command": sys.argv, "machine": machine(products=False), "runs": []}
    for turn in range(options.turns + 1):
        for name, line in commands(options.data.resolve(), options.checkpoint.resolve()).items():
            for tree, path in trees.items():
                if options.only is None or name in options.only:
                    finished = output.parent / f"{output.stem}-run-{tree}"
                    seen = {"arm": name, "tree": tree, "turn": turn, **timed(line, path, output, finished)}
                    report["runs"].append(seen)
                    write_json(output, report)
                    print(json.dumps(seen), flush=True)
    for name, tree in dict.fromkeys((run["arm"], run["tree"]) for run in report["runs"]):
        own = [run for run in report["runs"] if (run["arm"], run["tree"]) == (name, tree) and run["turn"]]
        medians = (statistics.median(run[key] for run in own) for key in ("seconds", "cpu_seconds"))
        print(name, tree, " ".join(f"{median:.2f} s" for median in medians))


def commands(data: Path, checkpoint: Path) -> dict[str, list[str]]:
    """Return the command lines by what they are called; OUT stands for a folder, RUN for that of a finished run."""
    local = ["--set", f"data.source={data}"]
    encoder = ["--set", "model.use=hf-encoder", "--set", f"model.checkpoint={checkpoint}"]
    verbs = {
        "check quickstart": ["check", "recipes/quickstart.toml"],
        "check flagship": ["check", "recipes/imdb_distilbert.toml", *local, *encoder],
        "run tfidf": ["run", "recipes/imdb_tfidf.toml", *local, "--out", "OUT/run"],
    }
    report = ["-c", REPORT, "RUN", "OUT/page"]
    return {name: ["-m", "clsfw", *line] for name, line in verbs.items()} | {"report": report}


def timed(line: list[str], tree: Path, output: Path, finished: Path) -> dict[str, Any]:
    """Run a command of a checkout; what it writes is removed. `finished` is where the checkout leaves a run."""
    path = os.pathsep.join([str(tree), str(tree / "plugins")])
    cache = output.parent / f"{output.stem}-cache"
    env = {**os.environ, "PYTHONPATH": path, "CLSFW_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as name:
        given = [str(finished) if word == "RUN" else word.replace("OUT/", f"{name}/") for word in line]
        began, before = time.perf_counter(), os.times()
        subprocess.run([sys.executable, *given], check=True, cwd=tree, env=env, capture_output=True)
        seconds, after = time.perf_counter() - began, os.times()
        worked = after.children_user + after.children_system - before.children_user - before.children_system
        timings = Path(name, "run", "timings.json")
        more = {"timings": json.loads(timings.read_text())} if timings.exists() else {}
        if timings.exists() and not finished.exists():
            shutil.copytree(timings.parent, finished)
    return {"seconds": round(seconds, 3), "cpu_seconds": round(worked, 3), **more}


if __name__ == "__main__":
    main()
