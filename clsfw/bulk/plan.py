"""The plan of a folder of parts, kept in it: what it was begun as, its pieces, and which of them are proven."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clsfw.bulk.inputs import Input, list_inputs
from clsfw.bulk.labeller import Proof
from clsfw.bulk.pieces import Piece, cut
from clsfw.bulk.places import Place
from clsfw.bulk.task import KINDS, OWN, Asked, Frame, Known, Task, describe, errors_name, proof_name, settle, to_json
from clsfw.errors import UsageError
from clsfw.kit import manifest
from clsfw.kit.lock import locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.bulk.places import Facts
    from clsfw.contract.parts import Reporter

PLAN, MANIFEST, ERRORS = f"{OWN}/plan.json", f"{OWN}/manifest.json", f"{OWN}/errors.jsonl"
FORMAT = 1

_ASKED_AT_ONCE = 16
_DIFFERENCES = {
    "format": "the version of clsfw",
    "run": "the run",
    "inputs": "the input",
    "options": "the options",
}
_OPTIONS = {
    "kind": "--format",
    "reading": "how the files are read",
    "raw": "--raw",
    "part_bytes": "--part-size",
}


@dataclass(frozen=True)
class Given:
    """What is known before anything is written."""

    asked: Asked
    known: Known
    kind: str
    inputs: tuple[Input, ...]

    @classmethod
    def of(cls, asked: Asked, reporter: Reporter) -> Given:
        """Look at the run, the input and the output.

        Raises:
            RunDirectoryError: there is no complete run, or a file of it was changed.
            UsageError: the output holds other files.
            DataError: there is no such input.
            HostError: the operating system or the server refused.
            NetworkError: the server could not be reached.

        """
        target = Place.of(asked.target)
        if target.protocol == "hf":
            raise UsageError(f"{target}: each part would be a commit; write into a folder, and upload that")
        known = Known.of(asked)
        inputs = list_inputs(asked.source, target, reporter)
        strange = target.entries()
        if strange and OWN not in strange:
            some = ", ".join(map(repr, sorted(strange)[:3]))
            raise UsageError(
                f"{target}: holds other files ({some}); give --output the name of a new or an empty folder"
            )
        return cls(asked, known, asked.kind or KINDS[inputs[0].format], tuple(inputs))

    def identity(self) -> dict[str, Any]:
        """Return all that the bytes of the output depend on."""
        inputs = [[str(file.place), file.size, file.stamp] for file in self.inputs]
        return {"format": FORMAT, "run": self.known.identity, "inputs": inputs, "options": self.options()}

    def options(self) -> dict[str, Any]:
        """Return what was asked for, as far as the bytes of the output depend on it."""
        asked = self.asked
        reading = to_json(asked.reading)
        return {"kind": self.kind, "reading": reading, "raw": asked.raw, "part_bytes": asked.part_bytes}


@contextmanager
def alone(target: Place) -> Iterator[None]:
    """Hold the folder, if it is of this machine; on object storage two commands write the same bytes twice.

    Raises:
        LockedError: another process writes there.
        HostError: the operating system refused.

    """
    if target.protocol is not None:
        yield
        return
    target.child(OWN).make_folder()
    lock = target.child(OWN).path / "lock"
    with locked(target.path, lock, instead="give another --output"):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)  # while it is held, so that nobody else's is removed


def make_task(given: Given) -> tuple[Task, list[Piece]]:
    """Read the plan that the output holds, or make and write one.

    Raises:
        UsageError: the output was begun as another one.
        DataError: the input cannot be read.
        HostError: the operating system or the server refused.
        NetworkError: the server could not be reached.

    """
    asked, known, kind, inputs = given.asked, given.known, given.kind, given.inputs
    place = Place.of(asked.target).child(PLAN)
    identity = given.identity()
    written = _read(place)
    if written is not None:
        _compare(place, written.get("identity"), identity)
        try:
            found = written["frame"]
            frame = Frame(tuple(found["texts"]), tuple(found["columns"]), found["schema"])
            return Task(asked, known, kind, inputs, frame), [Piece(*values) for values in written["pieces"]]
        except (KeyError, TypeError) as exc:
            raise _damaged(place) from exc
    pieces = cut(inputs, lambda path, file: describe(asked, known, path, file), asked.part_bytes)
    frame = settle(asked, known, kind, inputs, pieces)
    plan = {"identity": identity, "frame": to_json(frame), "pieces": [piece.to_json() for piece in pieces]}
    place.write(json.dumps(plan, ensure_ascii=False).encode())
    return Task(asked, known, kind, inputs, frame), pieces


def _damaged(place: Place) -> UsageError:
    return UsageError(f"{place}: is damaged; remove the folder, or give another --output")


def _read(place: Place) -> Mapping[str, Any] | None:
    if place.facts() is None:
        return None
    try:
        found = json.loads(place.read())
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _compare(place: Place, written: Any, identity: Mapping[str, Any]) -> None:
    if not isinstance(written, dict):
        raise _damaged(place)
    other = [words for key, words in _DIFFERENCES.items() if written.get(key) != identity[key]]
    if not other:
        return
    hint = ""
    if "the options" in other and isinstance(written.get("options"), dict):
        before, now = written["options"], identity["options"]
        hint = f" ({', '.join(words for key, words in _OPTIONS.items() if before.get(key) != now[key])})"
    if other == [_DIFFERENCES["inputs"]]:
        before, now = ({file[0]: file[1:] for file in facts["inputs"]} for facts in (written, identity))
        changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        hint = f" ({changed[0]!r} {_how(before.get(changed[0]), now.get(changed[0]))})" if changed else ""
    words = " and ".join([", ".join(other[:-1]), other[-1]] if len(other) > 1 else other)
    raise UsageError(
        f"{place.name.removesuffix(PLAN)}: was begun by another command, which differs in {words}{hint}; give another "
        "--output, or remove the folder"
    )


def _how(before: object, now: object) -> str:
    if before is None:
        return "is new"
    return "is gone" if now is None else "has changed"


def proven(task: Task, pieces: Sequence[Piece]) -> dict[int, Proof]:
    """Return the proofs of the parts that are there as they were written, by number.

    Raises:
        HostError: the operating system or the server refused.
        NetworkError: the server could not be reached.

    """
    target = Place.of(task.asked.target)
    parts, proofs = target.names(), target.child(OWN).names()
    wanted = [piece for piece in pieces if proof_name(piece.number).rpartition("/")[2] in proofs]
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        found = list(pool.map(lambda piece: _proof(task, piece, parts), wanted))
    return {piece.number: proof for piece, proof in zip(wanted, found, strict=True) if proof is not None}


def _proof(task: Task, piece: Piece, parts: Mapping[str, Facts]) -> Proof | None:
    try:
        proof = Proof(**json.loads(task.proof(piece).read()))
    except (ValueError, TypeError):
        return None
    facts, part = parts.get(proof.part), task.part(piece)
    if facts is None or facts.size != proof.bytes or proof.piece != piece.to_json():
        return None
    if proof.errors and not task.asked.skip:
        return None  # the row that was skipped then is to be named now
    same = facts.stamp == proof.stamp if part.protocol else manifest.sha256(part.path) == proof.sha256
    return proof if same else None


def finish(given: Given, proofs: Sequence[Proof]) -> None:
    """Write the rows that could not be labelled, and last of all the manifest.

    Raises:
        HostError: the operating system or the server refused.
        NetworkError: the server could not be reached.

    """
    target = Place.of(given.asked.target)
    if any(proof.errors for proof in proofs):
        with target.child(ERRORS).to_fill() as path, path.open("wb") as file:
            for number, proof in enumerate(proofs):
                if proof.errors:
                    file.write(target.child(errors_name(number)).read())
    else:
        target.child(ERRORS).remove()
    parts = [
        {"name": proof.part, "input": proof.piece[1], "rows": proof.rows, "bytes": proof.bytes, "sha256": proof.sha256}
        for proof in proofs
    ]
    whole = {
        "format": FORMAT,
        "run": {"directory": given.asked.run, "sha256": given.known.identity},
        "options": given.options(),
        "rows": sum(proof.rows for proof in proofs),
        "errors": sum(proof.errors for proof in proofs),
        "labels": counted(proofs),
        "inputs": [{"name": str(file.place), "bytes": file.size, "stamp": file.stamp} for file in given.inputs],
        "parts": parts,
    }
    target.child(MANIFEST).write(json.dumps(whole, indent=2, ensure_ascii=False).encode() + b"\n")


def counted(proofs: Sequence[Proof]) -> dict[str, int]:
    """Return how often each label was predicted."""
    labels: dict[str, int] = {}
    for proof in proofs:
        for name, count in proof.labels.items():
            labels[name] = labels.get(name, 0) + count
    return labels
