"""Labels many files into a folder of parts, so that a cut command goes on and never leaves what seems whole."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clsfw.bulk.crew import label_by, label_here
from clsfw.bulk.places import Place
from clsfw.bulk.plan import ERRORS, MANIFEST, Given, alone, counted, finish, make_task, proven
from clsfw.bulk.task import OWN
from clsfw.kit import atomic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clsfw.bulk.crew import Crew
    from clsfw.bulk.labeller import Proof
    from clsfw.bulk.pieces import Piece
    from clsfw.bulk.task import Asked, Task
    from clsfw.contract.parts import Reporter


@dataclass(frozen=True)
class Labelled:
    """What a folder of parts holds; `errors` counts the rows that could not be labelled, kept in `errors_file`."""

    rows: int
    parts: int
    labels: dict[str, int]
    errors: int
    errors_file: str


def predict_folder(asked: Asked, reporter: Reporter, crew: Crew | None = None) -> Labelled:
    """Label all, or what is missing where the same call was cut; in this process, or by the workers of a crew.

    Raises:
        UsageError: the output holds something else, or was begun as another one, or the run has changed.
        LockedError: another process writes the same output.
        DataError: the input cannot be read, or a row cannot be labelled; the parts that are there stay.
        HostError: the operating system or the server refused.
        NetworkError: the server could not be reached.

    """
    target = Place.of(asked.target)
    given = Given.of(asked, reporter)
    with alone(target):
        _remove_leftovers(target)
        task, pieces = make_task(given)
        proofs = proven(task, pieces)
        missing = [piece for piece in pieces if piece.number not in proofs]
        if proofs and missing:
            reporter.note(f"{target}: {len(proofs):,} of {len(pieces):,} parts are there; going on with the others")
        if missing:
            target.child(MANIFEST).remove()
            try:
                _label(task, pieces, proofs, reporter, crew)
            except KeyboardInterrupt:
                reporter.note(f"{len(proofs):,} of {len(pieces):,} parts are in {target}; the same command goes on")
                raise
        _remove_leftovers(target)  # of workers that were lost meanwhile
        whole = [proofs[piece.number] for piece in pieces]
        finish(given, whole)
    errors = sum(proof.errors for proof in whole)
    return Labelled(sum(proof.rows for proof in whole), len(whole), counted(whole), errors, str(target.child(ERRORS)))


def _remove_leftovers(target: Place) -> None:
    """Remove what was being written when a worker or a command was killed."""
    if target.protocol is None:
        for folder in (target, target.child(OWN)):
            atomic.remove_leftovers(folder.path)


def _label(
    task: Task, pieces: Sequence[Piece], proofs: dict[int, Proof], reporter: Reporter, crew: Crew | None
) -> None:
    """Label the pieces that have no proof, and add theirs."""
    total = sum(piece.stop - piece.start for piece in pieces) if all(p.unit == "rows" for p in pieces) else None
    rows = {number: proof.rows for number, proof in proofs.items()}

    def said(number: int, count: int) -> None:
        rows[number] = count  # a piece that is begun again counts from the start
        reporter.progress("predicting", sum(rows.values()), total, "texts")

    missing = [piece for piece in pieces if piece.number not in proofs]
    labelled = label_here(task, missing, said) if crew is None else label_by(crew, task, missing, said)
    with closing(labelled):  # the workers end with it, whatever ends this
        for piece, proof in labelled:
            proofs[piece.number] = proof
            said(piece.number, proof.rows)
