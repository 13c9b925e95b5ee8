"""What `clsfw` and `clsfw --help` show: the verbs by what one wants to do, and with which command to begin."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from clsfw.errors import __version__
from clsfw.report.pages import DOCS
from clsfw.report.terminal import Screen, bold, dim, typed

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUPS = {
    "Begin": {
        "run quickstart": "try it: five thousand bundled texts, under two minutes",
        "new recipe DATA.csv": "a recipe for your own data",
    },
    "Work": {
        "check RECIPE": "everything that can go wrong, before training",
        "run RECIPE": "train and evaluate; the same command continues",
        "study RECIPE": "several seeds as one experiment",
        "show RECIPE": "every setting with its origin",
        "export-data RECIPE DIR": "the splits as files",
        "runs": "your runs, with their scores",
        "clean": "free the checkpoints of old runs",
    },
    "Use": {
        "predict RUN TEXT": "label texts, a file or standard input",
        "evaluate RUN --data F": "score new labelled data",
        "compare RUN RUN": "which is better, and is it luck?",
        "reproduce RUN": "run it again and compare the bits",
        "export RUN DIR --to onnx": "for another library, with proof",
        "serve RUN": "answer over HTTP",
        "push RUN NAMESPACE/NAME": "publish it on the hub",
    },
    "Extend": {
        "list-plugins": "what is installed, and what cannot run",
        "new plugin NAME": "a package with a plugin of your own",
        "test-plugin NAME": "try a plugin against the contract",
        "schema": "JSON Schema of recipes, for editors",
        "completion SHELL": "complete words in bash, zsh or fish",
    },
}

EXAMPLES = {
    "run": "clsfw run quickstart --set trainer.max_steps=60",
    "study": "clsfw study quickstart --set study.seeds=3",
    "check": "clsfw check quickstart",
    "list-plugins": "clsfw list-plugins",
    "show": "clsfw show quickstart",
    "schema": "clsfw schema > recipe.schema.json",
    "export-data": "clsfw export-data quickstart splits",
    "predict": 'clsfw predict runs/quickstart-1a2b3c4d "The food was wonderful."',
    "evaluate": "clsfw evaluate runs/quickstart-1a2b3c4d --data new.csv",
    "compare": "clsfw compare runs/one-1a2b3c4d runs/other-5e6f7a8b",
    "reproduce": "clsfw reproduce runs/quickstart-1a2b3c4d",
    "export": "clsfw export runs/quickstart-1a2b3c4d artifact --to onnx",
    "serve": "clsfw serve runs/quickstart-1a2b3c4d --port 8000",
    "push": "clsfw push runs/quickstart-1a2b3c4d me/reviews --private",
    "new": "clsfw new recipe reviews.csv",
    "test-plugin": "clsfw test-plugin csv",
    "runs": "clsfw runs",
    "clean": "clsfw clean runs/quickstart-1a2b3c4d",
    "completion": "clsfw completion bash >> ~/.bashrc",
}

_LEFT = 24  # columns of what can be typed
_TITLE = 8  # columns
_LATEST = 5  # runs


def epilog(verb: str) -> str:
    """Return what follows the help of a verb."""
    return f"example: {EXAMPLES[verb]}\ndocs: {DOCS}"


class TopHelp(argparse.Action):
    """Shows the verbs in their groups, and leaves."""

    def __init__(self, option_strings: list[str], dest: str, **_: object) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show this help")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Show it."""
        screen = Screen(sys.stdout)
        screen.line("usage: ", typed("clsfw VERB ..."), dim("   (clsfw VERB --help for its options; --version)"))
        for title, commands in GROUPS.items():
            screen.line(bold(title))
            _commands(screen, commands)
        screen.line(dim("docs: "), DOCS)
        parser.exit()


def begin() -> None:
    """Show how to begin, and the latest runs of this folder."""
    screen = Screen(sys.stdout)
    screen.line(bold(f"clsfw {__version__}"), "  text classifiers you can believe: one recipe, one command")
    screen.line()
    first, *others = GROUPS
    screen.line(bold(first))
    _commands(screen, GROUPS[first])
    screen.line()
    for title in others:
        verbs = [typed(command.split()[0]) for command in GROUPS[title]]
        between = (word for verb in verbs for word in (" · " if screen.unicode else ", ", verb))
        next(between)
        screen.line(bold(f"{title:<{_TITLE}}"), *between)
    screen.line()
    _runs(screen)
    screen.line(dim("all verbs: "), typed("clsfw --help"))
    screen.line(dim("docs: "), DOCS)


def _commands(screen: Screen, commands: Mapping[str, str]) -> None:
    for command, does in commands.items():
        verb, _, rest = command.partition(" ")
        gap = " " * max(1, _LEFT - len(command))
        screen.line(typed(verb), f" {rest}" if rest else "", gap, does, indent=2)


def _runs(screen: Screen) -> None:
    from pathlib import Path

    from clsfw.cli.runs import brief
    from clsfw.evidence.listing import find_runs

    folder = Path("runs")
    found = find_runs(folder) if folder.is_dir() else []
    if found:
        screen.line(bold("Your runs"), dim(f" ({folder}/)"))
        screen.table([""] * 4, [brief(run) for run in found[:_LATEST]], "<<<<")
        screen.line()
