from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clsfw.errors import HostError, RunDirectoryError
from clsfw.store import place
from clsfw.store.rundir import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator


def opened(path: Path) -> None:
    with RunDirectory.open(path):
        pass


def test_the_root_is_refused() -> None:
    with pytest.raises(RunDirectoryError, match="/ is the root of the file system"):
        opened(Path("/"))


def test_the_home_directory_is_refused_even_if_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(RunDirectoryError, match="is your home directory"):
        opened(Path("~"))


def test_the_top_of_a_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    with pytest.raises(RunDirectoryError, match="is the top of a git repository"):
        opened(tmp_path)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")

    with pytest.raises(RunDirectoryError, match="file is a file; a run needs a directory of its own"):
        opened(tmp_path / "file")


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunDirectoryError, match=f"{tmp_path}/file is a file, so no directory can be made below it"):
        opened(tmp_path / "file" / "run")


@pytest.fixture
def nobody() -> Iterator[None]:
    """Act as an ordinary user for whom modes count; root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def readable() -> Iterator[Path]:
    """Give a directory that everybody may look into and only its owner may write."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o555)
        yield Path(name)


@pytest.mark.usefixtures("nobody")
def test_a_place_that_may_not_be_written_is_refused(readable: Path) -> None:
    with pytest.raises(RunDirectoryError, match=f"{readable} cannot be written by this user; choose another place"):
        place.checked(readable / "runs" / "run")


@pytest.mark.parametrize("fresh", [False, True])
def test_a_directory_of_something_else_is_refused_and_untouched(tmp_path: Path, *, fresh: bool) -> None:
    (tmp_path / "thesis.tex").write_text("precious")

    with (
        pytest.raises(RunDirectoryError, match=r"is not empty and holds no run \(it has 'thesis.tex'\)"),
        RunDirectory.open(tmp_path, fresh=fresh),
    ):
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    opened(tmp_path)

    assert (tmp_path / "run.json").is_file()


def test_what_a_crash_left_before_the_first_write_is_taken(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / ".tmp-1234").write_text("{")

    opened(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "run.json"]


def test_directories_above_are_made(tmp_path: Path) -> None:
    opened(tmp_path / "a" / "b" / "c")

    assert (tmp_path / "a" / "b" / "c" / "run.json").is_file()


def test_a_name_that_is_too_long_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="file name too long; choose a shorter path"):
        opened(tmp_path / ("a" * 300))


def test_a_link_to_a_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "large-disk").mkdir()
    (tmp_path / "run").symlink_to("large-disk")

    opened(tmp_path / "run")

    assert (tmp_path / "large-disk" / "run.json").is_file()


class TestFresh:
    def test_moves_the_old_directory_aside_and_counts(self, tmp_path: Path) -> None:
        for value in (1, 2, 3):
            with RunDirectory.open(tmp_path / "run", fresh=True) as store:
                assert store.state == "new"
                store.update(state="running", value=value)

        assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.old-1", "run.old-2"]
        assert '"value": 1' in (tmp_path / "run.old-1" / "run.json").read_text()

    def test_helps_where_the_record_is_damaged(self, tmp_path: Path) -> None:
        opened(tmp_path / "run")
        (tmp_path / "run" / "run.json").write_text("{")

        with pytest.raises(RunDirectoryError, match="--fresh moves the directory aside"):
            opened(tmp_path / "run")
        with RunDirectory.open(tmp_path / "run", fresh=True) as store:
            assert store.state == "new"

    def test_leaves_a_directory_where_nothing_was_begun(self, tmp_path: Path) -> None:
        opened(tmp_path / "run")
        with RunDirectory.open(tmp_path / "run", fresh=True):
            pass

        assert [path.name for path in tmp_path.iterdir()] == ["run"]

    def test_of_nothing_is_a_new_run(self, tmp_path: Path) -> None:
        with RunDirectory.open(tmp_path / "run", fresh=True) as store:
            assert store.state == "new"
