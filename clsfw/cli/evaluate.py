"""`clsfw evaluate`: score new labelled data with the model of a run."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from clsfw.cli.reading import add_allow_code, add_reading, add_workers, crew_of, reading_of
from clsfw.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from clsfw.bulk.crew import Crew
    from clsfw.inference.classifier import LoadedClassifier
    from clsfw.inference.evaluate import Evaluation, Predict

HELP = "score new labelled data with the model of a complete run, with the same evidence"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("run", metavar="RUN", help="the directory of a complete run")
    parser.add_argument(
        "--data",
        metavar="F",
        required=True,
        help="labelled rows: .csv, .tsv, .jsonl or .parquet; a file, a pattern in quotes, or a folder, scored "
        "together; also s3://, gs:// and hf://",
    )
    parser.add_argument("--label-column", metavar="NAME", help="the column of labels (default: likewise, or label)")
    add_reading(parser)
    add_workers(parser, "predict the texts")
    parser.add_argument("--output", metavar="DIR", help="write metrics.json and predictions.csv into this new folder")
    parser.add_argument("--json", action="store_true", help="print the whole metrics as JSON")
    parser.add_argument("--allow-incomplete", action="store_true", help="take a run that saved a model but did not end")
    add_allow_code(parser)


def main(args: argparse.Namespace) -> int:
    """Score the data, and print the summary."""
    from contextlib import ExitStack
    from pathlib import Path

    from clsfw.bulk.inputs import is_several, list_inputs
    from clsfw.cli.streams import outcome, stdout_to_stderr
    from clsfw.inference.classifier import load_classifier
    from clsfw.inference.evaluate import evaluate_files
    from clsfw.inference.reading import RowFile
    from clsfw.kit.text import json_text
    from clsfw.report.live import open_display
    from clsfw.report.summary import show_scores

    folder = Path(args.output) if args.output else None
    crew = crew_of(args)
    if folder is not None:
        _require_free(folder)
    with open_display(sys.stderr) as display, stdout_to_stderr(), ExitStack() as fetched:
        classifier = load_classifier(args.run, allow_incomplete=args.allow_incomplete, allow_code=args.allow_code)
        reading = reading_of(args, args.label_column)
        if is_several(args.data):
            inputs = list_inputs(args.data, None, display)
            given = [(fetched.enter_context(file.place.here()), str(file.place)) for file in inputs]
        else:
            given = [(Path(args.data), args.data)]
        files = [RowFile.of(classifier, path, reading, name) for path, name in given]
        evaluation = evaluate_files(
            classifier, files, reporter=display, predict=None if crew is None else _predicting(args, classifier, crew)
        )
        if folder is not None:
            _write(evaluation, folder)
    if args.json:
        sys.stdout.write(json_text(evaluation.metrics, indent=2) + "\n")
    else:
        with outcome() as screen:
            show_scores(screen, evaluation.metrics)
    return 0


def _predicting(args: argparse.Namespace, classifier: LoadedClassifier, crew: Crew) -> Predict:
    """Return what lets workers predict, who load the same run."""
    from functools import partial

    from clsfw.bulk.predicting import LoadRun, predict_by
    from clsfw.bulk.task import identity_of

    load = LoadRun(args.run, identity_of(classifier.record), args.allow_incomplete, args.allow_code)
    return partial(predict_by, crew, load)


def _require_free(folder: Path) -> None:
    """Refuse a folder that is there or cannot be made, before anything is predicted."""
    from clsfw.kit.disk import explained

    with explained(folder):
        if folder.exists() or folder.is_symlink():
            raise UsageError(f"{folder} exists already; give --output another name")
        above = folder.absolute().parent
        if not os.access(above, os.W_OK | os.X_OK):
            number = errno.EACCES if above.exists() else errno.ENOENT
            raise OSError(number, os.strerror(number))


def _write(evaluation: Evaluation, folder: Path) -> None:
    from clsfw.kit import atomic

    with atomic.staged_directory(folder) as stage:
        atomic.write_json(stage / "metrics.json", evaluation.metrics)
        atomic.write_pieces(stage / "predictions.csv", evaluation.predictions)
        _require_free(folder)  # what somebody put there meanwhile is not replaced
