"""The command line: one module per verb; the only place that prints usage, exits, and catches `ClsfwError`."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from clsfw.cli.streams import drop_stdout, nobody_reads, open_missing
from clsfw.errors import ClsfwError, HostError, InterruptedRunError, RecipeError, UsageError, __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

VERBS = (
    "run",
    "check",
    "list-plugins",
    "show",
    "schema",
    "export-data",
    "predict",
    "evaluate",
    "compare",
    "reproduce",
    "new",
    "test-plugin",
)


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
    except (ClsfwError, KeyboardInterrupt, MemoryError) as exc:
        if debug:
            raise
        return _say_error(exc)
    except OSError as exc:
        if exc.filename is not None or exc.errno not in {errno.EPIPE, errno.EIO, errno.ENOSPC}:
            raise
        return _output_lost(exc)
    return code


def _run(arguments: Sequence[str]) -> int:
    parser = _build_parser()
    namespace, rest = parser.parse_known_args(arguments)
    # argparse ends a list of texts at the first option: what comes after it, as in `predict RUN --json TEXT`, is here.
    if rest and (any(word.startswith("-") for word in rest) or not hasattr(namespace, "texts")):
        raise UsageError(f"unrecognized arguments: {' '.join(rest)}; see `clsfw {namespace.verb or ''} --help`")
    if rest:
        namespace.texts = [*namespace.texts, *rest]
    if namespace.verb is None:
        parser.print_help()
        return 2
    try:
        Path.cwd()
    except FileNotFoundError as exc:
        raise HostError("the current directory was removed; change into another one") from exc
    module = importlib.import_module(f"clsfw.cli.{namespace.verb.replace('-', '_')}")
    code: int = module.main(namespace)
    return code


def _build_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="clsfw", description="A text classifier as one file that runs.")
    parser.add_argument("--version", action="version", version=f"clsfw {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for verb in VERBS:
        module = importlib.import_module(f"clsfw.cli.{verb.replace('-', '_')}")
        sub = verbs.add_parser(verb, help=module.HELP, description=module.HELP)
        module.add_arguments(sub)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _say_error(exc: BaseException) -> int:
    """Print the message; a recipe's problems come each with its place first, as editors and `grep` like it."""
    from clsfw.kit.text import clean_lines

    if isinstance(exc, KeyboardInterrupt):
        _print("clsfw: interrupted")
        return 130
    if not isinstance(exc, ClsfwError):
        _print("clsfw: error: out of memory; end other programs, or read less data at a time ([data] rows)")
        return HostError.exit_code
    text = clean_lines(str(exc))
    if isinstance(exc, RecipeError):
        count = len(exc.problems)
        for line in text.split("\n"):
            _print(line, as_it_is=line.startswith(" "))  # a source line with its caret
        text = f"{count} problem{'s' if count > 1 else ''} in the recipe; nothing was run"
    label = "stopped" if isinstance(exc, InterruptedRunError) else "error"
    _print(f"clsfw: {label}: {text}")
    return exc.exit_code


def _output_lost(exc: OSError) -> int:
    """Go on without standard output: its reader has gone, as in `| head -1`, or its disk is full."""
    drop_stdout()
    if nobody_reads(exc):
        return 0
    _print(f"clsfw: error: cannot write to standard output: {(exc.strerror or str(exc)).lower()}")
    return HostError.exit_code


def _print(text: str, *, as_it_is: bool = False) -> None:
    from clsfw.report.wrapping import wrapped

    with contextlib.suppress(OSError):  # nobody may be listening any more
        print(text if as_it_is else wrapped(text, sys.stderr), file=sys.stderr, flush=True)  # noqa: T201  # the command line is where printing belongs
