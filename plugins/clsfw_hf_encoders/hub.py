"""Brings a checkpoint of the Hugging Face hub into its cache, with one quick look at whether the hub answers."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import tqdm

from clsfw import ModelError, NetworkError
from clsfw_hf_encoders.folder import CONFIG, INDEX, TOKENIZER_FILES, WEIGHTS, check_names, sha256
from clsfw_hf_encoders.weights import PIECES, Weights

if TYPE_CHECKING:
    from clsfw import Reporter

_SECONDS = 10.0
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint's files in a folder; `commit` is None for a folder of the user's own."""

    folder: Path
    commit: str | None = None


def fetch(
    name: str, revision: str | None, reporter: Reporter | None, *, weights: bool = True, more: tuple[str, ...] = ()
) -> Snapshot:
    """Get a checkpoint of the hub: from the cache if it is pinned and there, else from the hub, else from the cache.

    Args:
        name: id on the hub.
        revision: branch, tag or commit; a commit of 40 hex digits needs no network once it is cached.
        reporter: gets what happens.
        weights: False leaves the weights out, where only the small files are wanted.
        more: patterns of further small files that are wanted where they are there.

    Raises:
        ModelError: no such model or revision, no access, or files that cannot be used.
        NetworkError: the hub cannot be reached and the cache has no copy.

    """
    snapshot = _found(name, revision, reporter, _wanted(weights=weights) + list(more), weights=weights)
    if weights:
        for file in Weights(snapshot.folder, name).files:
            _check_hash(file, name)
    return snapshot


def _found(name: str, revision: str | None, reporter: Reporter | None, files: list[str], *, weights: bool) -> Snapshot:
    if revision is not None and _COMMIT.match(revision):
        cached = _cached(name, revision, files)
        if cached is not None:
            return cached
    try:
        info, token = _ask(name, revision)
    except NetworkError:
        cached = _cached(name, revision, files)
        if cached is None:
            raise
        if reporter is not None:
            reporter.note(f"the hub is out of reach; using the cached copy of {name}, commit {cached.commit}")
        return cached
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    check_names(set(sizes), name)
    if WEIGHTS in sizes:  # a repository may have its weights in one file and in several
        files = [file for file in files if file not in {INDEX, PIECES}]
    size = sum(size for file, size in sizes.items() if any(fnmatch(file, pattern) for pattern in files))
    if reporter is not None and weights and _cached(name, info.sha, files) is None:
        reporter.note(f"downloading {name} ({size / 1e6:.0f} MB)")
    try:
        folder = huggingface_hub.snapshot_download(
            name, revision=revision, allow_patterns=files, token=token, tqdm_class=_bars(name, size, reporter)
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as exc:
        raise NetworkError(f"{name}: the download from {_endpoint()} broke off ({_short(exc)}); try again") from exc
    return Snapshot(Path(folder), Path(folder).name)


def _bars(name: str, size: int, reporter: Reporter | None) -> type[tqdm]:
    """Return what the hub's library shows progress with: passed to the reporter, never drawn."""
    lock, told = threading.Lock(), 0

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self._bytes, self._count = options.get("unit") == "B", 0
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]  # tqdm has none

        def update(self, n: float | None = 1) -> None:
            nonlocal told
            with lock:
                # Bytes received and bytes written have a bar each; the further one is told.
                self._count += int(n or 0)
                if self._bytes and reporter is not None and told < self._count <= size:
                    told = self._count
                    reporter.progress(f"downloading {name}", told, size, "bytes")

    return Bar


def _wanted(*, weights: bool) -> list[str]:
    return [CONFIG, *TOKENIZER_FILES, *([WEIGHTS, INDEX, PIECES] if weights else [])]


def _cached(name: str, revision: str | None, files: list[str]) -> Snapshot | None:
    """Return the cached copy if it is whole."""
    try:
        folder = Path(
            huggingface_hub.snapshot_download(name, revision=revision, allow_patterns=files, local_files_only=True)
        )
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None
    if not (folder / CONFIG).is_file():
        return None
    if WEIGHTS in files:
        try:
            missing = not all(file.is_file() for file in Weights(folder, name).files)
        except ModelError:  # an index without all that it names
            missing = True
        if missing:
            return None
    return Snapshot(folder, folder.name)


def _ask(name: str, revision: str | None) -> tuple[Any, str | bool]:
    """Ask the hub about a model: without the user's token first, with it only where the hub wants one.

    Raises:
        ModelError: no such model or revision, or no access.
        NetworkError: no answer, or none that helps.

    """
    token: str | bool = False
    api = huggingface_hub.HfApi()
    while True:
        try:
            return api.model_info(name, revision=revision, files_metadata=True, timeout=_SECONDS, token=token), token
        except HFValidationError as exc:
            raise ModelError(f"{name!r} is neither a folder here nor an id on the hub: {_short(exc)}") from exc
        except RevisionNotFoundError as exc:
            raise ModelError(f"{name} has no revision {revision!r} at {_endpoint()}") from exc
        except RepositoryNotFoundError as exc:
            own = huggingface_hub.get_token()
            if token is False and own is not None:
                token = own
                continue
            raise _no_access(name, exc) from exc
        except HfHubHTTPError as exc:
            own = huggingface_hub.get_token()
            status = exc.response.status_code if exc.response is not None else 0
            if status in (401, 403) and token is False and own is not None:
                token = own
                continue
            if status in (401, 403):
                raise _no_access(name, exc) from exc
            raise NetworkError(f"{name}: {_endpoint()} answered with error {status}; {_HELP}") from exc
        except Exception as exc:
            # Which errors an HTTP client raises without a network differs between versions of the hub's library.
            raise NetworkError(f"{name}: {_endpoint()} cannot be reached ({_short(exc)}); {_HELP}") from exc


_HELP = "give a local folder as checkpoint, or fill the cache once while online"


def _no_access(name: str, exc: Exception) -> ModelError:
    if isinstance(exc, GatedRepoError):
        return ModelError(f"{name} is gated: accept its terms at {_endpoint()}/{name}, then set HF_TOKEN")
    return ModelError(
        f"no model {name!r} at {_endpoint()}, and no folder of that name here; check the spelling "
        f"(if the model is private, set HF_TOKEN)"
    )


def _check_hash(file: Path, name: str) -> None:
    """Compare large files with their SHA-256, under which the cache keeps them; the hub's library looks at sizes only.

    Raises:
        ModelError: they differ.

    """
    blob = file.resolve()
    if _SHA256.match(blob.name) and sha256(blob) != blob.name:
        raise ModelError(f"{name}: the cached {file.name} is damaged; delete it and run again: {blob}")


def _endpoint() -> str:
    return str(constants.ENDPOINT)


def _short(exc: Exception) -> str:
    lines = str(exc).strip().splitlines()
    return lines[0][:200] if lines else type(exc).__name__
