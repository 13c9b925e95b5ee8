"""The weights of a checkpoint: one safetensors file, or several that an index names."""

from __future__ import annotations

import hashlib
import re
from math import prod
from typing import TYPE_CHECKING

from clsfw import ModelError
from clsfw_hf_encoders.folder import INDEX, WEIGHTS, read_header, read_json, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import torch

PIECES = "model-*.safetensors"
"""The pattern of the files that an index names, as transformers writes them."""
_PIECE = re.compile(r"model-[\w.-]+\.safetensors")


class Weights:
    """The files of a checkpoint's weights.

    Raises:
        ModelError: the index is damaged, names what is not a file beside it, or a file that is not there.

    """

    def __init__(self, folder: Path, where: str) -> None:
        self._where = where
        self._pieces: dict[str, str] = {}
        self.files = [folder / WEIGHTS]
        if (folder / WEIGHTS).is_file() or not (folder / INDEX).is_file():
            return
        pieces = read_json(folder / INDEX, where).get("weight_map")
        if not isinstance(pieces, dict) or not pieces or not all(isinstance(name, str) for name in pieces.values()):
            raise ModelError(f"{where}: {INDEX} has no weight_map, which names a file for each tensor")
        for name in sorted(set(pieces.values())):
            if not _PIECE.fullmatch(name):
                raise ModelError(f"{where}: {INDEX} names {name!r}, which is not a file of weights: {PIECES}")
            if not (folder / name).is_file():
                raise ModelError(f"{where}: lacks {name}, which {INDEX} names; fetch it again")
        self._pieces = pieces
        self.files = [folder / name for name in sorted(set(pieces.values()))]
        self._index = folder / INDEX

    @property
    def copied(self) -> list[Path]:
        """The files that a copy of the weights needs."""
        return [*self.files, *([self._index] if self._pieces else [])]

    def check(self) -> int:
        """Check all headers, and return the number of parameters.

        Raises:
            ModelError: a file is cut, damaged or quantised, or lacks a tensor that the index has there.

        """
        return sum(prod(shape) for shape in self.shapes().values())

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Check all headers, and return the shape of each tensor; raises as `check`."""
        shapes: dict[str, tuple[int, ...]] = {}
        for file in self.files:
            header = read_header(file, self._where)
            self._compare(file, header.shapes.keys())
            shapes |= header.shapes
        return shapes

    def read(self) -> dict[str, torch.Tensor]:
        """Read all tensors, as float32.

        Raises:
            ModelError: a file cannot be read.

        """
        from clsfw_hf_encoders.loading import read_tensors  # imports torch, which a look at the headers does not need

        tensors: dict[str, torch.Tensor] = {}
        for file in self.files:
            piece = read_tensors(file, self._where)
            self._compare(file, piece.keys())
            tensors |= piece
        return tensors

    def sha256(self) -> str:
        """Hash the weights: the hash of the one file, or that of the names and hashes of all."""
        if not self._pieces:
            return sha256(self.files[0])
        lines = "".join(f"{sha256(file)}  {file.name}\n" for file in self.files)
        return hashlib.sha256(lines.encode()).hexdigest()

    def _compare(self, file: Path, names: Iterable[str]) -> None:
        """See that a file holds the tensors that the index has there, and no others."""
        wanted = {tensor for tensor, piece in self._pieces.items() if piece == file.name}
        found = set(names)
        if self._pieces and found != wanted:
            name = min(found ^ wanted)
            said = "lacks" if name in wanted else "has"
            raise ModelError(f"{self._where}: {file.name} {said} {name!r}, other than {INDEX} says")


def weights_are_here(folder: Path) -> bool:
    """Return whether a folder holds weights, or the index of their files."""
    return (folder / WEIGHTS).is_file() or (folder / INDEX).is_file()
