"""`clsfw predict`: label texts, a file, or standard input with the model of a run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from clsfw.cli.reading import add_allow_code, add_reading, add_workers, crew_of, reading_of
from clsfw.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from io import BufferedReader

    from clsfw.contract.parts import Reporter
    from clsfw.inference.classifier import LoadedClassifier
    from clsfw.kit.pairs import Text

_LARGEST_PART = 65_536  # MiB

HELP = "label texts, a file, or standard input line by line with the model of a complete run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("run", metavar="RUN", help="the directory of a complete run")
    parser.add_argument(
        "texts", metavar="TEXT", nargs="*", default=[], help="a text to label; without any, lines of standard input"
    )
    parser.add_argument(
        "--file",
        metavar="F",
        help="label the rows of a file: .csv, .tsv, .jsonl, .parquet or .txt; of all files of a pattern in quotes, as "
        "'in/*.parquet', or of a folder; also s3://, gs:// and hf://",
    )
    parser.add_argument(
        "--output",
        metavar="G",
        help="where the labelled rows of --file go: a file of a kind that the name says, or a folder of parts, whose "
        "name ends in /; a cut output is continued",
    )
    parser.add_argument(
        "--format", choices=("parquet", "csv", "jsonl"), help="the kind of the parts (default: as the input)"
    )
    parser.add_argument(
        "--part-size", metavar="MIB", type=_mebibytes, help="the input of one part, about (default: 16 MiB)"
    )
    parser.add_argument(
        "--errors",
        choices=("stop", "skip"),
        default="stop",
        help="what a broken row does to a folder of parts: end the command, or go to a file of errors (default: stop)",
    )
    add_workers(parser, "label a folder of parts")
    add_reading(parser)
    parser.add_argument("--json", action="store_true", help="print JSON: a list for texts, else one object a line")
    parser.add_argument(
        "--raw", action="store_true", help="leave CSV cells as they are, even if a spreadsheet would run them"
    )
    parser.add_argument("--allow-incomplete", action="store_true", help="take a run that saved a model but did not end")
    add_allow_code(parser)


def main(args: argparse.Namespace) -> int:
    """Label what was asked for."""
    if args.texts and args.file:
        several = "; put a pattern in quotes, as in --file 'in/*.csv'" if _is_file(args.texts[0]) else ""
        raise UsageError(f"give texts or --file, not both{several}")
    if args.output and not args.file:
        raise UsageError("--output goes with --file")
    if args.file and _into_folder(args):
        return _label_folder(args)
    _refuse_folder_options(args)
    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.inference.classifier import load_classifier
    from clsfw.report.live import open_display

    with open_display(sys.stderr) as display:
        with stdout_to_stderr():
            classifier = load_classifier(args.run, allow_incomplete=args.allow_incomplete, allow_code=args.allow_code)
        if args.output:
            _label_file(classifier, args, display)
        else:
            for texts in _given(classifier, args, display):
                with stdout_to_stderr():
                    answers = list(classifier.answers(texts, display))
                _show(texts, answers, as_json=args.json, as_list=bool(args.texts))
    return 0


def _into_folder(args: argparse.Namespace) -> bool:
    """Return whether the rows go into a folder of parts."""
    from clsfw.bulk.inputs import is_folder, is_several

    several, folder = is_several(args.file), bool(args.output) and is_folder(args.output)
    if several and not folder:
        raise UsageError(f"{args.file} may be several files; give --output a folder, whose name ends in /")
    return folder


def _refuse_folder_options(args: argparse.Namespace) -> None:
    given = {"--format": args.format, "--part-size": args.part_size, "--jobs": args.jobs, "--threads": args.threads}
    given |= {"--errors": args.errors != "stop", "--on": args.on != "local"}
    for option, value in given.items():
        if value:
            raise UsageError(f"{option} is for a folder of parts; give one by --output NAME/")


def _label_folder(args: argparse.Namespace) -> int:
    from clsfw.bulk.pieces import PART_BYTES
    from clsfw.bulk.predict_folder import predict_folder
    from clsfw.bulk.task import Asked
    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.kit.text import clean, json_text
    from clsfw.report.live import open_display

    asked = Asked(
        args.run,
        args.file,
        args.output,
        reading_of(args),
        args.raw,
        args.format,
        args.part_size or PART_BYTES,
        args.errors == "skip",
        args.allow_incomplete,
        args.allow_code,
    )
    with open_display(sys.stderr) as display, stdout_to_stderr():
        done = predict_folder(asked, display, crew_of(args))
    if args.json:
        facts = {"output": args.output, "rows": done.rows, "parts": done.parts, "labels": done.labels}
        _print(json_text({**facts, "errors": done.errors}))
        return 0
    counts = ", ".join(f"{clean(name)} {count:,}" for name, count in done.labels.items())
    parts = f"{done.parts:,} part{'' if done.parts == 1 else 's'}"
    _print(f"{done.rows:,} rows in {clean(args.output)} ({parts})" + (f": {counts}" if counts else ""))
    if done.errors:
        rows = "row was" if done.errors == 1 else "rows were"
        _print(f"{done.errors:,} {rows} not labelled; {clean(done.errors_file)} holds what is known of them")
    return 0


def _is_file(text: str) -> bool:
    from pathlib import Path

    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # a text may be anything
        return False


def _mebibytes(text: str) -> int:
    import argparse

    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size <= _LARGEST_PART:
        raise argparse.ArgumentTypeError(f"{text} is not a number of MiB up to {_LARGEST_PART:,}")
    return max(1, int(size * 2**20))


def _label_file(classifier: LoadedClassifier, args: argparse.Namespace, display: Reporter) -> None:
    from pathlib import Path

    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.inference.predict_file import Job, predict_file
    from clsfw.kit.text import clean, json_text

    job = Job(Path(args.file), Path(args.output), reading_of(args), args.raw)
    with stdout_to_stderr():
        done = predict_file(classifier, job, display)
    if args.json:
        _print(json_text({"output": str(job.target), "rows": done.rows, "labels": done.labels}))
    else:
        counts = ", ".join(f"{clean(name)} {count:,}" for name, count in done.labels.items())
        _print(f"{done.rows:,} rows in {clean(str(job.target))}" + (f": {counts}" if counts else ""))


def _given(classifier: LoadedClassifier, args: argparse.Namespace, display: Reporter) -> Iterable[Sequence[Text]]:
    """Return the texts in the chunks in which they are to be labelled."""
    from pathlib import Path

    from clsfw.inference.chunks import chunks, lines_as_they_come
    from clsfw.inference.output import names_of
    from clsfw.inference.reading import RowFile

    if not args.file and classifier.rows.text_pair_column is not None:
        raise UsageError(
            "this run labels pairs of texts; give them as the rows of a --file, or in Python: "
            "clsfw.load(RUN)((TEXT, TEXT))"
        )
    if args.texts:
        yield args.texts
    elif args.file:
        columns: tuple[str, ...] = ()
        file = RowFile.of(classifier, Path(args.file), reading_of(args))
        for rows in chunks(file.rows()):
            if not columns:
                columns = file.text_columns(names_of(rows))
                display.note(file.about(names_of(rows)))
            yield file.texts(rows, columns)
    else:
        if sys.stdin.isatty():
            display.note("reading texts from the terminal, one a line; Ctrl-D ends it")
        yield from lines_as_they_come(cast("BufferedReader", sys.stdin.buffer))


def _show(texts: Sequence[Text], answers: Sequence[dict[str, Any]], *, as_json: bool, as_list: bool) -> None:
    from clsfw.kit.labels import join_labels
    from clsfw.kit.pairs import PAIR, sides
    from clsfw.kit.text import clean, json_text

    if as_json:
        named = [dict(zip(("text", PAIR), sides(text), strict=False)) for text in texts]
        objects = [{**text, **answer} for text, answer in zip(named, answers, strict=True)]
        for line in [json_text(objects, indent=2)] if as_list else map(json_text, objects):
            _print(line)
    else:
        for text, answer in zip(texts, answers, strict=True):
            labels = answer["labels"] if "labels" in answer else [answer["label"]]
            scores = ",".join(f"{answer['scores'][label]:.4f}" for label in labels)
            _print(f"{clean(join_labels(labels))}\t{scores}\t" + "\t".join(map(clean, sides(text))))
    sys.stdout.flush()


def _print(line: str) -> None:
    print(line)  # noqa: T201  # the command line is where printing belongs
