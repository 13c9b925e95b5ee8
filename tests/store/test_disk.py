from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from clsfw.errors import HostError
from clsfw.store.disk import explained, explained_libraries, free_bytes, require_space

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


def test_a_file_too_large_for_the_limit_is_found_in_the_text_of_safetensors(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="raise the limit on file sizes"), explained_libraries(tmp_path):
        raise RuntimeError("Error while serializing: I/O error: File too large (os error 27)")
