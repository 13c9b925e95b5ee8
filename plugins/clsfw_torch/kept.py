"""Arrays that are worked out once for some texts, and kept in the cache by the hashes of what they came from.

An entry is a folder of raw arrays that are mapped into memory, so neither the number of texts nor their length has to
fit there. Its name is a hash of all texts and of the way from them to the arrays; equal names hold equal numbers.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw import HostError
from clsfw.kit import alone, cache_directory, staged_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clsfw import Reporter

    Arrays = Mapping[str, NDArray[Any]]

KEPT_ENTRIES = 24
"""The least recently used entries of a folder beyond this number are removed."""


def key_of(way: str, chunks: Iterable[Sequence[str]]) -> str:
    """Return the name of an entry: a hash of all texts, and of the way from them to the arrays."""
    digest = hashlib.sha256(f"1 {way}\n".encode())
    for chunk in chunks:
        for text in chunk:
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
    return digest.hexdigest()


def kept(
    folder: str, key: str, kinds: Mapping[str, type], make: Callable[[], Iterator[Arrays]], reporter: Reporter
) -> dict[str, NDArray[Any]]:
    """Return the flat arrays of an entry of `folder`, each of its kind; `make` gives them chunk by chunk where missing.

    Raises:
        HostError: the cache cannot be written.

    """
    entry = cache_directory(folder) / key
    arrays = _open(entry, kinds)
    if arrays is None:
        lock = cache_directory("locks") / f"{folder}-{key[0]}"  # sixteen, not one for each entry that ever was
        with alone(lock, f"making {folder}", reporter):
            arrays = _open(entry, kinds)
            if arrays is None:
                arrays = _made(entry, kinds, make())
    return arrays


def _made(entry: Path, kinds: Mapping[str, type], chunks: Iterator[Arrays]) -> dict[str, NDArray[Any]]:
    with staged_directory(entry) as folder:
        _write(folder, kinds, chunks)
    arrays = _open(entry, kinds)
    if arrays is None:
        raise HostError(f"{entry} was changed while it was written; see what else writes there, and run again")
    _remove_oldest(entry.parent, keep=entry)
    return arrays


def _write(folder: Path, kinds: Mapping[str, type], chunks: Iterator[Arrays]) -> None:
    digests = {name: hashlib.sha256() for name in kinds}
    with contextlib.ExitStack() as stack:
        files = {name: stack.enter_context((folder / name).open("wb")) for name in kinds}
        for chunk in chunks:
            for name, kind in kinds.items():
                data = np.asarray(chunk[name], dtype=kind).tobytes()
                digests[name].update(data)
                files[name].write(data)
    (folder / "sha256.json").write_text(json.dumps({name: digest.hexdigest() for name, digest in digests.items()}))


def _open(entry: Path, kinds: Mapping[str, type]) -> dict[str, NDArray[Any]] | None:
    """Return an entry whose every array has the hash that it was written with, else None."""
    try:
        expected = json.loads((entry / "sha256.json").read_text())
        for name in kinds:
            with (entry / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != expected[name]:
                    return None
        arrays: dict[str, NDArray[Any]] = {
            # An array without a number cannot be mapped: a model may have no token types.
            name: np.memmap(entry / name, dtype=kind, mode="r") if (entry / name).stat().st_size else np.empty(0, kind)
            for name, kind in kinds.items()
        }
        os.utime(entry)  # what was used last is removed last
    except (OSError, ValueError, KeyError):
        return None
    return arrays


def _remove_oldest(folder: Path, keep: Path) -> None:
    used: dict[Path, float] = {}
    now = time.time()
    for entry in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process removes, too
            if entry != keep and not entry.name.startswith("."):
                at = entry.stat().st_mtime
                used[entry] = at if at <= now else 0.0  # the clock was set back since: nobody knows how old it is
    for entry in sorted(used, key=used.__getitem__)[: -(KEPT_ENTRIES - 1)]:
        shutil.rmtree(entry, ignore_errors=True)
