"""Finds the files that a name stands for: a file, a pattern such as `in/*.parquet`, or a folder."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from clsfw.bulk.places import Facts, Place, facts_of
from clsfw.bulk.reaching import reached
from clsfw.errors import DataError
from clsfw.kit.inputs import check_file
from clsfw.kit.rows import format_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clsfw.contract.parts import Reporter

_MAGIC = "*?["


@dataclass(frozen=True)
class Input:
    """A file of rows, with what it was like when it was listed."""

    place: Place
    size: int
    stamp: str

    @property
    def format(self) -> str:
        """The suffix that says how it is written."""
        return format_of(Path(PurePosixPath(self.place.name).name))

    def check(self) -> None:
        """Compare the file with its listing.

        Raises:
            DataError: it has changed, or is gone.

        """
        if self.place.facts() != (self.size, self.stamp):
            raise DataError(
                f"{self.place}: was changed while its rows were labelled; give another --output for the new"
            )


def is_several(name: str) -> bool:
    """Return whether a name may stand for several files, or for one on object storage."""
    place = Place.of(name)
    return place.protocol is not None or place.path.is_dir() or (_is_pattern(place) and not place.path.exists())


def is_folder(name: str) -> bool:
    """Return whether the name of an output stands for a folder of parts."""
    place = Place.of(name)
    return name.endswith(("/", "\\")) or place.protocol is not None or place.path.is_dir()


def list_inputs(name: str, away: Place | None, reporter: Reporter) -> list[Input]:
    """Return the files of rows that a name stands for, in the order of their names.

    In a folder and those below it files of other kinds are left out, and names that begin with `.` or `_`; so is
    whatever lies in the folder `away`, where the output goes.

    Raises:
        DataError: there is none, or the name of one does not say how it is written.
        HostError: the operating system or the server refused.
        NetworkError: the server could not be reached.

    """
    place = Place.of(name)
    with reached(place, "read"):
        found = sorted(_found(place), key=lambda pair: pair[0].name)
    whole_folder = not _is_pattern(place) and all(inner.name != name for inner, _ in found)
    found = [(inner, facts) for inner, facts in found if away is None or not _is_below(inner, away)]
    inputs = [Input(inner, *facts) for inner, facts in found if not (whole_folder and _is_other(inner, place))]
    if len(inputs) < len(found):
        reporter.note(f"{place}: leaves out {len(found) - len(inputs):,} files that hold no rows by their names")
    for file in inputs:
        _ = file.format  # says which name does not tell its format
    if not inputs:
        if place.protocol is None and not _is_pattern(place) and not place.path.is_dir():
            check_file(place.path, name)  # says what is there instead
        raise DataError(
            f"{name}: " + ("the folder holds no file of rows" if whole_folder else "no file has such a name")
        )
    return inputs


def _found(place: Place) -> Iterator[tuple[Place, Facts]]:
    if place.protocol is None:
        for path in _local(place):
            stat = Path(path).expanduser().stat()
            yield Place(path), Facts(stat.st_size, str(stat.st_mtime_ns))
        return
    system, path = place.system()
    system.invalidate_cache()
    if _is_pattern(place):
        infos = system.glob(path, detail=True).values()
        if not infos:
            system.ls(path.partition("*")[0].rpartition("/")[0] or path)  # says that there is no such bucket
    else:
        infos = [info] if (info := system.info(path))["type"] == "file" else system.find(path, detail=True).values()
    for info in infos:
        if info["type"] == "file" and not info["name"].endswith("/"):
            yield Place(f"{place.protocol}://{info['name']}"), facts_of(info)


def _local(place: Place) -> Iterable[str]:
    path = place.path
    if path.is_dir():
        return [str(inner) for inner in path.rglob("*") if inner.is_file()]
    if _is_pattern(place) and not path.exists():
        return [found for found in glob.glob(str(path), recursive=True) if Path(found).is_file()]  # noqa: PTH207  # `**`
    return [place.name] if path.is_file() else []


def _is_pattern(place: Place) -> bool:
    return any(sign in place.name for sign in _MAGIC)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _is_other(inner: Place, folder: Place) -> bool:
    below = Path(inner.name.removeprefix(folder.name).lstrip("/"))
    if _is_hidden(below):
        return True
    try:
        format_of(Path(below.name))
    except DataError:
        return True
    return False


def _is_below(inner: Place, folder: Place) -> bool:
    if inner.protocol != folder.protocol:
        return False
    if inner.protocol is not None:
        return inner.name.startswith(folder.name.rstrip("/") + "/")
    return folder.path.resolve() in inner.path.resolve().parents
