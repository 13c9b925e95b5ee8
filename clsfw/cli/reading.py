"""Options that several verbs have: how a CSV file is read, whose code may run, where the work is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from clsfw.bulk.crew import Crew
    from clsfw.inference.reading import Reading


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Declare `--text-column`, `--text-pair-column`, `--delimiter` and `--encoding`."""
    parser.add_argument(
        "--text-column",
        metavar="NAME",
        action="append",
        help="the column of texts, given again for each of several (default: as in the run's data, or text)",
    )
    parser.add_argument(
        "--text-pair-column",
        metavar="NAME",
        help="the column of the second texts of pairs (default: as in the run's data)",
    )
    parser.add_argument(
        "--delimiter",
        metavar="C",
        type=_delimiter,
        help="the delimiter of a CSV file (default: as in the run's data)",
    )
    parser.add_argument(
        "--encoding", metavar="E", type=_encoding, help="the encoding of a CSV file (default: likewise)"
    )


def add_allow_code(parser: argparse.ArgumentParser) -> None:
    """Declare what lets code run that a run directory names."""
    parser.add_argument(
        "--allow-code", action="store_true", help="run code that the run names, such as the script of a metric"
    )


def add_on(parser: argparse.ArgumentParser) -> None:
    """Declare where the work is done."""
    parser.add_argument(
        "--on",
        metavar="EXECUTOR",
        default="local",
        help="where the work is done: local (this machine, the default), or another executor that `clsfw list-plugins` "
        "shows, as NAME or NAME://ADDRESS",
    )


def add_workers(parser: argparse.ArgumentParser, doing: str) -> None:
    """Declare `--on`, `--jobs` and `--threads`, for workers that are `doing` something."""
    add_on(parser)
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=_number,
        help=f"{doing} by N workers, each a process that loads the run (default: this process alone; with another "
        "executor as many as there is room for)",
    )
    parser.add_argument("--threads", metavar="N", type=_number, help="the threads of each worker (default: 1)")


def crew_of(args: argparse.Namespace) -> Crew | None:
    """Return the workers that the command line asks for; None: this process does the work.

    Raises:
        UsageError: threads of workers are given, and no workers.

    """
    from clsfw.bulk.crew import Crew

    if args.on == "local" and args.jobs is None:
        if args.threads:
            raise UsageError("--threads is for workers; give their number by --jobs")
        return None
    return Crew(args.on, args.jobs, args.threads or 1)


def reading_of(args: argparse.Namespace, label_column: str | None = None) -> Reading:
    """Return what the command line says of the file."""
    from clsfw.inference.reading import Reading

    return Reading(columns_of(args), label_column, args.delimiter, args.encoding, args.text_pair_column)


def columns_of(args: argparse.Namespace) -> tuple[str, ...] | None:
    """Return the columns of texts that were asked for."""
    return tuple(args.text_column) if args.text_column else None


def _number(text: str) -> int:
    import argparse

    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def _delimiter(text: str) -> str:
    import argparse

    char = "\t" if text == "\\t" else text
    if len(char) != 1 or char in '"\r\n\0':
        raise argparse.ArgumentTypeError(f"{text!r} is not one character between fields; try ',', ';', '|' or '\\t'")
    return char


def _encoding(text: str) -> str:
    import argparse

    try:
        "".encode(text)
    except LookupError:
        raise argparse.ArgumentTypeError(f"unknown encoding {text!r}; try utf-8, cp1252, latin-1 or utf-16") from None
    return text
