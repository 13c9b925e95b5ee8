"""What a saved model may hold: plain files and folders, and nothing whose loading runs code."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from typing import TYPE_CHECKING

from clsfw.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

_PICKLE = re.compile(rb"\x80[\x02-\x05][^\0]")  # a safetensors file may begin with the first two: the third is 0 there
_PICKLE_NAMES = (".pkl", ".pickle", ".joblib")


def check_saved(directory: Path, who: object) -> None:
    """See that a saved model holds plain files and folders, and no pickle: loading one runs whatever code it holds.

    Raises:
        PluginError: it holds something else; `who` saved it.

    """
    for folder, folders, names in os.walk(directory):
        for name in sorted([*folders, *names]):
            path = os.path.join(folder, name)  # noqa: PTH118  # texts, as `os.walk` gives them
            shown = os.path.relpath(path, directory)
            mode = os.lstat(path).st_mode
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                what = "a symbolic link" if stat.S_ISLNK(mode) else "not a plain file"
                raise PluginError(f"{who} saves {shown}, which is {what}; a saved model holds plain files alone")
            if stat.S_ISREG(mode) and _is_pickle(path):
                advice = "use safetensors, .npy without objects, or JSON"
                raise PluginError(f"{who} saves {shown} as a pickle, and loading one runs any code; {advice}")


def _is_pickle(path: str) -> bool:
    """Look at the first bytes of a file and, in a ZIP archive, of each file in it."""
    with open(path, "rb") as stream:  # noqa: PTH123  # as above
        heads = [stream.read(512)]
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for part in archive.namelist():
                with archive.open(part) as inside:
                    heads.append(inside.read(512))
    objects = (head.startswith(b"\x93NUMPY") and b"'|O" in head for head in heads)  # an array of Python objects
    return path.endswith(_PICKLE_NAMES) or any(map(_PICKLE.match, heads)) or any(objects)
