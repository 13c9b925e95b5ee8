from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from clsfw.errors import HostError
from clsfw.kit.disk import explained, explained_libraries, free_bytes, require_space

if TYPE_CHECKING:
    from pathlib import Path


def test_free_bytes_of_a_place_that_does_not_exist_yet_are_those_above_it(tmp_path: Path) -> None:
    assert abs(free_bytes(tmp_path / "a" / "b") - free_bytes(tmp_path)) < 1 << 30


def test_enough_space_is_no_error(tmp_path: Path) -> None:
    require_space(tmp_path, 1, "the model")


def test_too_little_space_names_path_needed_and_free_bytes(tmp_path: Path) -> None:
    with pytest.raises(
        HostError, match=rf"{tmp_path}: the model will need 1,000,000,000,000,000 bytes, but only [\d,]+ bytes are free"
    ):
        require_space(tmp_path, 10**15, "the model")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EROFS, "read-only file system; choose a place that can be written"),
        (errno.EACCES, "permission denied; choose a place that this user may write"),
        (errno.EMFILE, "too many open files; raise the limit of open files"),
        (errno.ENAMETOOLONG, "file name too long; choose a shorter path"),
        (errno.EIO, "input/output error; the disk or its connection failed"),
    ],
)
def test_an_error_of_the_system_is_told_with_path_and_advice(tmp_path: Path, number: int, advice: str) -> None:
    with pytest.raises(HostError, match=f"cannot write {tmp_path}/x: {advice}"), explained(tmp_path / "x"):
        raise OSError(number, os.strerror(number))


def test_an_error_of_a_library_without_a_system_error_in_it_passes(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), explained_libraries(tmp_path):
        raise RuntimeError("shapes differ")


LIMITED = """
import pathlib, resource, signal, sys
import numpy, torch
from safetensors.torch import save_file
from clsfw.errors import HostError
from clsfw.kit.atomic import staged_directory

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
tensor = torch.zeros(100_000)
for write in (
    lambda path: torch.save(tensor, path),
    lambda path: save_file({"a": tensor}, path),
    lambda path: numpy.save(path, tensor.numpy()),
    lambda path: path.write_bytes(bytes(400_000)),
):
    try:
        with staged_directory(pathlib.Path(sys.argv[1])) as folder:
            write(folder / "file.npy")
    except HostError as error:
        print(error)
"""


def test_the_errors_of_torch_safetensors_and_numpy_are_understood(tmp_path: Path) -> None:
    """Under a limit on file sizes they fail as on a full disk, each in its own words."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "model"], check=True, capture_output=True, text=True
    )

    told = f"cannot write {tmp_path}/model: file too large; raise the limit on file sizes (ulimit -f)"
    assert done.stdout.splitlines() == [told] * 4


def test_a_mistake_in_foreign_code_is_not_blamed_on_the_disk(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), explained_libraries(tmp_path):
        (tmp_path / "none").read_bytes()
