from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from clsfw.errors import HostError
from clsfw.kit.cache import cache_directory

if TYPE_CHECKING:
    from pathlib import Path


def test_own_variable_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))

    assert cache_directory("downloads") == tmp_path / "own" / "downloads"
    assert (tmp_path / "own" / "downloads").is_dir()


def test_then_the_desktop_standard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLSFW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))

    assert cache_directory("tokens") == tmp_path / "xdg" / "clsfw" / "tokens"


def test_then_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLSFW_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert cache_directory("tokens") == tmp_path / ".cache" / "clsfw" / "tokens"


def test_a_place_that_cannot_be_written_is_an_error_of_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / "file" / "cache"))

    with pytest.raises(HostError, match=r"cannot write .*/file/cache/tokens"):
        cache_directory("tokens")


def test_unfinished_writes_go_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path))
    folder = cache_directory("tokens")
    for name in (".tmp-old", ".tmp-new", "entry"):
        (folder / name).mkdir()
        (folder / name / "file").touch()
    for name in (".tmp-old", "entry"):
        os.utime(folder / name, (0, 0))

    cache_directory("tokens")

    assert sorted(path.name for path in folder.iterdir()) == [".tmp-new", "entry"]


@pytest.mark.parametrize("place", ["pipe", "entry/pipe"])
def test_a_pipe_in_the_cache_is_named_instead_of_waited_on(place, tmp_path, monkeypatch):
    monkeypatch.setenv("CLSFW_CACHE", str(tmp_path))
    (tmp_path / "tables" / "entry").mkdir(parents=True)
    (tmp_path / "tables" / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "tables" / place)

    with pytest.raises(HostError, match="pipe is a pipe, a socket or a device"):
        cache_directory("tables")
