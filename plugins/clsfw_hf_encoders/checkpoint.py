"""The checkpoint that a recipe names: a folder on this machine, or an id on the hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw import ModelError
from clsfw_hf_encoders.folder import CONFIG, check_names, sha256

if TYPE_CHECKING:
    from clsfw import Reporter


@dataclass(frozen=True)
class Checkpoint:
    """A folder with a model's files; `where` is how messages name it, `commit` that of the hub it came from."""

    folder: Path
    where: str
    commit: str | None

    def facts(self, weights_sha256: str) -> dict[str, str]:
        """Return what the record of a run says of it: no path of this machine."""
        return {
            "checkpoint": self.where if self.commit is not None else self.folder.name,
            **({"commit": self.commit} if self.commit is not None else {}),
            "weights_sha256": weights_sha256,
            "config_sha256": sha256(self.folder / CONFIG),
        }


def find_checkpoint(
    name: str, revision: str | None, reporter: Reporter | None, *, weights: bool, more: tuple[str, ...] = ()
) -> Checkpoint:
    """Return the folder of a checkpoint; from the hub only small files without `weights`, and the files `more`.

    Raises:
        ModelError: there is no such folder, or it holds files that are not loaded.
        NetworkError: the hub cannot be reached, or refuses.

    """
    if not Path(name).is_absolute():
        from clsfw_hf_encoders import hub  # its library takes a while to import

        snapshot = hub.fetch(name, revision, reporter, weights=weights, more=more)
        return Checkpoint(snapshot.folder, name, snapshot.commit)
    folder = Path(name)
    if not folder.is_dir():
        raise ModelError(f"{folder}: there is no such folder; give the folder of a checkpoint, or an id on the hub")
    check_names({file.name for file in folder.iterdir()}, name)
    return Checkpoint(folder, name, None)
