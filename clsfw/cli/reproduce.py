"""`clsfw reproduce`: run a complete run again from its own directory, and say what came out the same."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw.cli.reading import add_allow_code
from clsfw.errors import NotReproducedError

if TYPE_CHECKING:
    import argparse

    from clsfw.evidence.reproduction import Reproduction
    from clsfw.recipe.sections import Part
    from clsfw.report.terminal import Line, Screen

HELP = "run a complete run again from its own directory, and compare bits, predictions and metrics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("run", metavar="RUN", help="the directory of a complete run")
    parser.add_argument("--out", metavar="DIR", help="where to run it again (default: RUN-reproduced)")
    parser.add_argument("--json", action="store_true", help="print a JSON object on standard output")
    add_allow_code(parser)


def main(args: argparse.Namespace) -> int:
    """Run again and compare; 0 if the metrics are the same, else 9."""
    from clsfw.cli.streams import outcome, stdout_to_stderr

    with ExitStack() as stack:
        if args.json:
            stack.enter_context(stdout_to_stderr())
        reproduction = _reproduce(Path(args.run), Path(args.out) if args.out else None, allow_code=args.allow_code)
    if args.json:
        sys.stdout.write(json.dumps(reproduction.to_json(), indent=2) + "\n")
    else:
        with outcome() as screen:
            _show(screen, reproduction)
    return 0 if reproduction.same_metrics else NotReproducedError.exit_code


def _reproduce(first: Path, out: Path | None, *, allow_code: bool) -> Reproduction:
    from clsfw.discovery.plugins import discover
    from clsfw.errors import UsageError
    from clsfw.evidence import content
    from clsfw.evidence.finished import FinishedRun
    from clsfw.inference.code import refuse_code
    from clsfw.recipe.plan import make_plan
    from clsfw.store.rundir import read_run

    run = FinishedRun.read(first)
    if (first / "parity.json").exists():
        raise UsageError(f"{first} is an artifact, which was not trained; give the run that it was exported from")
    _ = run.predictions  # read now: that they cannot be read must not be found out after the training
    second = out or first.resolve().with_name(f"{first.resolve().name}-reproduced")
    if second.resolve() == first.resolve():
        raise UsageError(f"{second} is the run itself; give another --out")
    resolved = first / "resolved.toml"
    # Watchers change nothing, and may not be installed here.
    without = ["watchers="] if "watchers" in content.read_toml(resolved, content.RECIPE) else []
    plan = make_plan(resolved, without, discover())
    if not allow_code:
        named: list[Part[Any]] = [plan.data, plan.model, plan.trainer, *plan.metrics]
        for part in named:
            refuse_code(part.kind, part.component.name, part.plugin, part.settings)

    from clsfw.engine.execute import execute
    from clsfw.evidence.reproduction import hold_beside
    from clsfw.report.live import open_display

    # An interrupted repetition is continued; one that is complete proves nothing about today, so it is done anew.
    before = read_run(second, allow_incomplete=True, verify=False) if (second / "run.json").is_file() else {}
    with open_display(sys.stderr) as display:
        again = execute(plan, out=second, fresh=before.get("state") == "complete", display=display, repeats=run)
    return hold_beside(run, again)


def _show(screen: Screen, reproduction: Reproduction) -> None:
    from clsfw.report.terminal import bad, bold, dim, good

    screen.line(bold(reproduction.second), " beside ", bold(reproduction.first))
    rows: list[list[Line]] = [
        [level.what, good("same") if level.same else bad("NOT the same"), level.detail] for level in reproduction.levels
    ]
    screen.table(["", "", ""], rows, "<<<")
    if not reproduction.surroundings:
        same = all(level.same for level in reproduction.levels)
        around = "data, plugins, device and environment are the same"
        screen.line(
            dim(around if same else f"{around} as far as a run records them; what differs is not recorded"), indent=2
        )
        return
    screen.line("what differs around them:", indent=2)
    for line in reproduction.surroundings:
        screen.line(line, indent=4)
