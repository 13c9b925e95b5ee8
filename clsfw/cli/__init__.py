"""The command line: one module per verb; the only place that prints usage, exits, and catches `ClsfwError`."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import io
import os
import shlex
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from clsfw.cli.help import TopHelp, begin, epilog
from clsfw.cli.streams import drop_stdout, nobody_reads, open_missing
from clsfw.errors import ClsfwError, HostError, InterruptedRunError, RecipeError, TrainingError, UsageError, __version__
from clsfw.kit.memory import advice, out_of_memory
from clsfw.kit.suggestions import did_you_mean, short
from clsfw.kit.text import clean_lines
from clsfw.report.terminal import Screen, bad, bold, doubtful, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clsfw.errors import Problem
    from clsfw.report.terminal import Words

VERBS = (
    "run",
    "study",
    "check",
    "list-plugins",
    "show",
    "schema",
    "export-data",
    "predict",
    "evaluate",
    "compare",
    "reproduce",
    "export",
    "serve",
    "push",
    "new",
    "test-plugin",
    "runs",
    "clean",
    "completion",
)

_OUTPUT_LOST = (errno.EPIPE, errno.EIO, errno.ENOSPC)


class _Parser(argparse.ArgumentParser):
    """An argument parser that leaves the exit to `main`."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    open_missing()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows "?", and stops nothing
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except (ClsfwError, KeyboardInterrupt) as exc:
        if debug:
            raise
        code = _say_error(_out_of_memory(exc) or exc)
        if isinstance(exc, InterruptedRunError):
            again = [word for word in arguments if word != "--fresh"]
            _print("to go on: ", typed(shlex.join(["clsfw", *again])))
    except Exception as exc:
        if isinstance(exc, OSError) and exc.filename is None and exc.errno in _OUTPUT_LOST:
            return _output_lost(exc)
        told = _out_of_memory(exc) or _about_path(exc)
        if debug or told is None:
            raise
        return _say_error(told)
    return code


def _run(arguments: Sequence[str]) -> int:
    verb = next((word for word in arguments if not word.startswith("-")), None)
    if verb is not None and verb not in VERBS:
        raise UsageError(f"unknown verb {short(verb)}{did_you_mean(verb, VERBS) or ';'} `clsfw --help` lists them all")
    namespace, rest = build_parser().parse_known_args(arguments)
    # argparse ends a list of texts at the first option: what comes after it, as in `predict RUN --json TEXT`, is here.
    if rest and (any(word.startswith("-") for word in rest) or not hasattr(namespace, "texts")):
        raise UsageError(f"unrecognized arguments: {' '.join(rest)}; see `clsfw {namespace.verb or ''} --help`")
    if rest:
        namespace.texts = [*namespace.texts, *rest]
    if namespace.verb is None:
        begin()
        return UsageError.exit_code
    try:
        Path.cwd()
    except FileNotFoundError as exc:
        raise HostError("the current directory was removed; change into another one") from exc
    module = importlib.import_module(f"clsfw.cli.{namespace.verb.replace('-', '_')}")
    code: int = module.main(namespace)
    return code


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = _Parser(prog="clsfw", add_help=False)
    parser.add_argument("-h", "--help", action=TopHelp)
    parser.add_argument("--version", action="version", version=f"clsfw {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for verb in VERBS:
        module = importlib.import_module(f"clsfw.cli.{verb.replace('-', '_')}")
        sub = verbs.add_parser(
            verb,
            help=module.HELP,
            description=textwrap.fill(module.HELP, 78),
            epilog=epilog(verb),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(sub)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _out_of_memory(exc: BaseException) -> HostError | None:
    """Return the error that says it, if that is what an error comes of; those that say it in their own words do not."""
    if isinstance(exc, (HostError, TrainingError)) or not out_of_memory(exc):
        return None
    return HostError(advice())


def _say_error(exc: ClsfwError | KeyboardInterrupt) -> int:
    """Print the message; a recipe's problems come each with its place first, as editors and `grep` like it."""
    if isinstance(exc, KeyboardInterrupt):
        _print(doubtful("clsfw: interrupted"))
        return 130
    lines = clean_lines(str(exc)).split("\n")
    if isinstance(exc, RecipeError):
        for problem in exc.problems:
            _print_problem(problem)
        count = len(exc.problems)
        lines = [f"{count} problem{'s' if count > 1 else ''} in the recipe; nothing was run"]
    stopped = isinstance(exc, InterruptedRunError)
    _print(doubtful("clsfw: stopped: ") if stopped else bad("clsfw: error: "), lines[0])
    for line in lines[1:]:
        _print(line)
    return exc.exit_code


def _print_problem(problem: Problem) -> None:
    place, (message, *source) = str(problem.place), clean_lines(str(problem)).split("\n")
    known = message.startswith(f"{place}:")
    _print(*((bold(place), message.removeprefix(place)) if known else (message,)))
    for line in source:  # the line of the recipe, and the caret below it, which no break may part
        _print(line, as_it_is=True)


def _about_path(exc: Exception) -> HostError | None:
    """Say what the operating system refused, wherever a path that is too long, locked away or broken was met."""
    from clsfw.kit.disk import explained

    if not isinstance(exc, OSError) or exc.filename is None:
        return None
    try:
        with explained(Path(os.fsdecode(exc.filename)), "use"):
            raise exc
    except HostError as told:
        return told


def _output_lost(exc: OSError) -> int:
    """Go on without standard output: its reader has gone, as in `| head -1`, or its disk is full."""
    drop_stdout()
    if nobody_reads(exc):
        return 0
    why = (exc.strerror or str(exc)).lower()
    _print(bad("clsfw: error: "), f"cannot write to standard output: {why}")
    return HostError.exit_code


def _print(*words: Words, as_it_is: bool = False) -> None:
    with contextlib.suppress(OSError):  # nobody may be listening any more
        screen = Screen(sys.stderr)
        if as_it_is:
            screen.write(str(words[0]))
        else:
            screen.line(*words)
        sys.stderr.flush()
