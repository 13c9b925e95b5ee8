"""Pushes files to a repository of a hub: what changed, in one commit, read back and held against its hashes.

Beside them goes `clsfw-push.json`, which names them with their hashes. The next push knows by it which files are its
own to replace; what somebody else wrote or edited there is replaced only when that is said.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw.errors import NetworkError, UsageError
from clsfw.evidence.finished import FinishedRun, read_model
from clsfw.kit import manifest
from clsfw.kit.atomic import write_json
from clsfw.kit.disk import explained
from clsfw.shipping.hub import Repository, hub_hashes
from clsfw.store.rundir import MANIFEST, MODEL, RECORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw.report.display import Display
    from clsfw.shipping.hub import Kind, State

PUSHED = "clsfw-push.json"


@dataclass(frozen=True)
class Parcel:
    """What is pushed: files by their path in the repository, and of what they are."""

    kind: Kind
    files: Mapping[str, Path]
    of: Mapping[str, Any]


@dataclass(frozen=True)
class Pushed:
    """Where it lies, at which commit, and what that commit changed: nothing, where all was there already."""

    url: str
    commit: str
    private: bool
    files: int
    bytes: int
    changed: tuple[str, ...]


def run_parcel(directory: Path) -> Parcel:
    """Return what is pushed of a complete run, its folder `model`, or of an artifact, which is pushed whole.

    Raises:
        RunDirectoryError: there is no complete run, or a file of it was changed.

    """
    run = FinishedRun.read(directory)
    names = manifest.read(run.directory / MANIFEST) or {}
    listed = [*names.get("files", {})]
    of = {"name": run.record["name"], "identity": run.record["identity"], "manifest": run.record["manifest"]}
    if "exporter" in read_model(run.directory)[1]:
        return Parcel("model", {name: run.directory / name for name in (*listed, MANIFEST, RECORD)}, of)
    inside = [name for name in listed if name.startswith(f"{MODEL}/")]
    return Parcel("model", {name.removeprefix(f"{MODEL}/"): run.directory / name for name in inside}, of)


def push(parcel: Parcel, name: str, display: Display, *, private: bool, overwrite: bool) -> Pushed:
    """Push it, and see that the hub returns what was sent.

    Raises:
        UsageError: the name is not one, there is no token, or the push would replace what somebody else wrote.
        NetworkError: the hub cannot be reached, refuses, or returns something else.
        HostError: a file cannot be read or written here.

    """
    repository = Repository(name, parcel.kind, display.warn)
    with tempfile.TemporaryDirectory(prefix="clsfw-") as scratch:
        folder = Path(scratch)
        display.stage("hashing the files")
        described, files = _described(parcel, folder)
        display.stage(f"asking {repository.hub} for {name}")
        state = repository.open(private=private)
        last = _last_push(repository, state, folder)
        changed = [path for path, file in files.items() if state.hashes.get(path) not in hub_hashes(file)]
        gone = sorted((last.keys() & state.hashes.keys()) - files.keys())
        if not overwrite:
            _refuse_foreign(repository, state, [*changed, *gone], last, folder)
        commit = state.commit
        size = sum(facts["bytes"] for facts in described.values())
        if changed or gone:
            display.stage(f"uploading {len(changed)} files")
            message = f"Push {parcel.of['name']} with clsfw"
            commit = repository.commit({path: files[path] for path in changed}, gone, state.commit, message)
            display.stage("reading them back")
            _verify(repository, commit, described, folder)
        return Pushed(repository.url, commit, state.private, len(files), size, (*changed, *gone))


def _described(parcel: Parcel, folder: Path) -> tuple[manifest.Manifest, dict[str, Path]]:
    """Describe each file, and write that beside them."""
    described: manifest.Manifest = {}
    for path, file in parcel.files.items():
        with explained(file, "read"):
            described[path] = {"bytes": file.stat().st_size, "sha256": manifest.sha256(file)}
    own = folder / PUSHED
    write_json(own, {"schema": 1, "of": dict(parcel.of), "files": described})
    return described, {**parcel.files, PUSHED: own}


def _last_push(repository: Repository, state: State, folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that the last push left; it may have been edited, and then counts for nothing."""
    if PUSHED not in state.hashes:
        return {}
    found = manifest.read(repository.fetch(PUSHED, state.commit, folder)) or {}
    files = found.get("files")
    if not isinstance(files, dict):
        return {}
    hashes = {path: facts.get("sha256") for path, facts in files.items() if isinstance(facts, dict)}
    return {path: digest for path, digest in hashes.items() if isinstance(digest, str)}


def _refuse_foreign(
    repository: Repository, state: State, touched: list[str], last: Mapping[str, str], folder: Path
) -> None:
    """Refuse to touch a file that is there and is not what the last push left."""
    for path in touched:
        if path not in state.hashes or path == PUSHED:
            continue
        left = last.get(path)
        if left is not None and left in (
            state.hashes[path],
            manifest.sha256(repository.fetch(path, state.commit, folder)),
        ):
            continue
        raise UsageError(
            f"{repository.url} has a {path} that was edited or written there by somebody else; "
            "--overwrite replaces it, and its history keeps the old one"
        )


def _verify(repository: Repository, commit: str, described: manifest.Manifest, folder: Path) -> None:
    """Download what was pushed, and compare.

    Raises:
        NetworkError: the hub returns something else.

    """
    for path, facts in described.items():
        given = repository.fetch(path, commit, folder)
        if manifest.sha256(given) != facts["sha256"]:
            raise NetworkError(
                f"{repository.name}: {repository.hub} returns another {path} than was sent; do not use commit {commit}"
            )
        given.resolve().unlink()  # a model may be large
