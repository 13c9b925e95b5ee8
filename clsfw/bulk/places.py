"""Files and folders of this machine, and of object storage through the file systems of fsspec."""

from __future__ import annotations

import io
import re
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from clsfw.bulk.reaching import INSTALL, reached
from clsfw.errors import HostError, UsageError
from clsfw.kit import atomic, files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_READ = 4 * 2**20
"""Bytes that are asked for at once; s3fs asks for 50 MiB, which is three parts, or many thousand headers."""

_STAMPS = ("ETag", "etag", "md5Hash", "blob_id", "LastModified", "mtime")
"""What the file systems call that which changes with a file's content, the surest first."""


class Facts(NamedTuple):
    """What differs between two contents of a file: its size in bytes, and a stamp (a hash, or when it changed)."""

    size: int
    stamp: str


@dataclass(frozen=True)
class Place:
    """A file or folder, by the name that the user gave it: a path, or a URL such as `s3://bucket/folder`."""

    name: str

    @classmethod
    def of(cls, name: str) -> Place:
        """Return the place of a name, without a look at it.

        Raises:
            UsageError: nothing here reads such a URL.

        """
        found = _URL.match(name)
        if found and found[1].lower() not in INSTALL:
            known = ", ".join(f"{protocol}://" for protocol in INSTALL)
            raise UsageError(f"{name}: nothing reads {found[1]}://; give a local path, or one of {known}")
        return cls(name)

    def __str__(self) -> str:
        return self.name

    @property
    def protocol(self) -> str | None:
        """The protocol of a URL; None: a path of this machine."""
        found = _URL.match(self.name)
        return found[1].lower() if found else None

    @property
    def path(self) -> Path:
        """The path of this machine."""
        return Path(self.name).expanduser()

    def child(self, name: str) -> Place:
        """Return what lies in the folder under a name, perhaps with `/` in it."""
        return Place(f"{self.name.rstrip('/')}/{name}" if self.protocol else str(Path(self.name) / name))

    def system(self) -> tuple[Any, str]:
        """Return the file system of a URL, which holds no listing in memory, and the path in it.

        Raises:
            HostError: the library that reads it is not installed.

        """
        import fsspec

        protocol = self.protocol
        try:
            kind = fsspec.get_filesystem_class(protocol)
            system = kind(use_listings_cache=False) if protocol in {"s3", "gs"} else kind()
        except ImportError as exc:
            raise HostError(f"{self}: needs a library that is not installed: {INSTALL[cast('str', protocol)]}") from exc
        return system, kind._strip_protocol(self.name)  # noqa: SLF001  # the one way to it; fsspec itself goes it

    def facts(self) -> Facts | None:
        """Return the size and stamp of a file; None where there is none.

        Raises:
            HostError: the operating system or the server refused.
            NetworkError: the server could not be reached.

        """
        with reached(self, "read"):
            if self.protocol is None:
                try:
                    stat = self.path.stat()
                except (FileNotFoundError, NotADirectoryError):
                    return None
                return Facts(stat.st_size, str(stat.st_mtime_ns))
            system, path = self.system()
            try:
                return facts_of(system.info(path, refresh=True) if self.protocol == "s3" else system.info(path))
            except FileNotFoundError:
                return None

    def names(self) -> dict[str, Facts]:
        """Return the files right in a folder, with their facts; none where there is no folder.

        Raises:
            HostError: the operating system or the server refused.
            NetworkError: the server could not be reached.

        """
        with reached(self, "read"):
            if self.protocol is None:
                if not self.path.is_dir():
                    return {}
                stats = {inner.name: inner.stat() for inner in self.path.iterdir() if inner.is_file()}
                return {name: Facts(stat.st_size, str(stat.st_mtime_ns)) for name, stat in stats.items()}
            system, path = self.system()
            try:
                listed = system.ls(path, detail=True)
            except FileNotFoundError:
                return {}
            found = {info["name"].rpartition("/")[2]: facts_of(info) for info in listed if info["type"] == "file"}
            return {name: facts for name, facts in found.items() if name}  # the folder itself may be an empty object

    def entries(self) -> list[str]:
        """Return the names of files and folders in a folder; raises as `names`."""
        with reached(self, "read"):
            if self.protocol is None:
                if self.path.exists() and not self.path.is_dir():
                    raise UsageError(f"{self}: is a file; give --output the name of a folder")
                return [inner.name for inner in self.path.iterdir()] if self.path.is_dir() else []
            system, path = self.system()
            try:
                return [name for found in system.ls(path, detail=False) if (name := found.rpartition("/")[2])]
            except FileNotFoundError:
                return []

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Open a file to read from any place in it.

        Raises:
            DataError: there is none.
            HostError: the operating system or the server refused.
            NetworkError: the server could not be reached.

        """
        with reached(self, "read"):
            if self.protocol is None:
                file: IO[bytes] = self.path.open("rb")
            else:
                system, path = self.system()
                file = io.BufferedReader(system.open(path, "rb", block_size=_READ))
        with file, reached(self, "read"):
            yield file

    def read(self) -> bytes:
        """Return the content of a file; raises as `opened`."""
        with self.opened() as file:
            return file.read()

    def here(self) -> AbstractContextManager[Path]:
        """Return a path of this machine that holds the file for as long as the block runs; raises as `opened`."""
        return nullcontext(self.path) if self.protocol is None else self._fetched()

    @contextmanager
    def _fetched(self) -> Iterator[Path]:
        with scratch() as folder:
            path = folder / self.name.rpartition("/")[2]
            with reached(self, "read"):
                system, inner = self.system()
                system.get_file(inner, str(path))
            yield path

    def write(self, data: bytes) -> None:
        """Write a file whole or not at all, replacing the one that may be there.

        Raises:
            HostError: the operating system or the server refused.
            NetworkError: the server could not be reached.

        """
        if self.protocol is None:
            atomic.write_bytes(self.path, data)
            return
        with reached(self, "write"):
            system, path = self.system()
            system.pipe_file(path, data)

    @contextmanager
    def to_fill(self) -> Iterator[Path]:
        """Return a path of this machine to fill; when the block ends well its content takes the place at once.

        Raises:
            HostError: the operating system or the server refused.
            NetworkError: the server could not be reached.

        """
        if self.protocol is not None:
            with scratch() as folder:
                path = folder / "part"
                yield path
                with reached(self, "write"):
                    system, inner = self.system()
                    system.put_file(str(path), inner)
            return
        temp = atomic.temporary(self.path)
        try:
            yield temp
            with reached(self, "write"):
                files.sync(temp)
                files.rename(temp, self.path)
                files.sync(self.path.parent)
        except HostError as exc:  # nobody knows the temporary name
            raise HostError(str(exc).replace(str(temp), str(self))) from exc
        finally:
            temp.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove a file, if it is there.

        Raises:
            HostError: the operating system or the server refused.
            NetworkError: the server could not be reached.

        """
        with reached(self, "remove"):
            if self.protocol is None:
                self.path.unlink(missing_ok=True)
            elif self.facts() is not None:
                system, path = self.system()
                system.rm_file(path)

    def make_folder(self) -> None:
        """Make the folder, where folders are made at all.

        Raises:
            HostError: the operating system refused.

        """
        if self.protocol is None:
            with reached(self, "write"):
                files.make_directories(self.path.absolute())


def facts_of(info: dict[str, Any]) -> Facts:
    """Return the facts that are in what a file system of fsspec says of a file."""
    stamp = next((info[key] for key in _STAMPS if info.get(key)), "")
    return Facts(int(info["size"] or 0), str(stamp).strip('"'))


@contextmanager
def scratch() -> Iterator[Path]:
    """Return a folder of this machine that is gone after the block."""
    with tempfile.TemporaryDirectory(prefix="clsfw-") as folder:
        yield Path(folder)
