"""Every file operation by which the store changes a disk, one plain function each.

The rest of the store calls them as `files.rename(...)` and changes nothing by other means (what a component writes into
a staged directory is synced here afterwards). So a test can stop the process, or raise, at the N-th operation.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def create(path: Path, data: bytes) -> None:
    """Write a file that must not exist yet."""
    _write(path, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW)


def append(path: Path, data: bytes) -> None:
    """Add to the end of a file."""
    _write(path, data, os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NOFOLLOW)


def overwrite(path: Path, data: bytes) -> None:
    """Replace the content of a file in place; a crash may leave any part of it."""
    _write(path, data, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NOFOLLOW)


def _write(path: Path, data: bytes, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
    with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123  # from a descriptor, which pathlib cannot do
        view = memoryview(data)
        while view:  # a raw write may take less than all
            view = view[file.write(view) :]


def sync(path: Path) -> None:
    """Bring a file's content, or a directory's entries, from memory to the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows keeps directories itself
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename(old: Path, new: Path) -> None:
    """Rename at once; a file at `new` is replaced."""
    os.replace(old, new)  # noqa: PTH105  # the layer stays on plain os calls


def make_directory(path: Path) -> None:
    """Make one directory that must not exist yet."""
    path.mkdir()


def remove(path: Path) -> None:
    """Remove a file or a link."""
    path.unlink()


def remove_directory(path: Path) -> None:
    """Remove an empty directory."""
    path.rmdir()


def set_mode(path: Path, mode: int) -> None:
    """Set the permission bits."""
    path.chmod(mode)


# Made of the above


def make_directories(path: Path) -> None:
    """Make a directory and whatever is missing above it, and bring them to the disk."""
    if path.is_dir():
        return
    make_directories(path.parent)
    try:
        make_directory(path)
    except FileExistsError:
        if not path.is_dir():
            raise
    sync(path.parent)


def remove_tree(path: Path) -> None:
    """Remove a file, a link, or a directory with all in it."""
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            remove_tree(inner)
        remove_directory(path)
    else:
        remove(path)


def sync_tree(path: Path) -> None:
    """Return all in a directory the modes that `umask` asks for, and bring it to the disk.

    Libraries disagree on modes (safetensors writes 0600), and none of them syncs. The directory itself was made by
    `make_directory`, so its own mode shows the mask.
    """
    folder_mode = stat.S_IMODE(path.stat().st_mode)
    for inner in sorted(path.rglob("*")):
        wanted = folder_mode if inner.is_dir() else folder_mode & 0o666
        if stat.S_IMODE(inner.stat().st_mode) != wanted:
            set_mode(inner, wanted)
        sync(inner)
    sync(path)


def plain_files(folder: Path) -> Iterator[Path]:
    """List all files below a folder in the order of their names.

    Raises:
        OSError: something in there is neither a file nor a directory; links are refused too.

    """
    for inner in sorted(folder.rglob("*")):
        mode = inner.lstat().st_mode
        if stat.S_ISREG(mode):
            yield inner
        elif not stat.S_ISDIR(mode):
            raise OSError(f"{inner} is neither a plain file nor a directory")
