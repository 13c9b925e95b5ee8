from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clsfw.errors import HostError
from clsfw.kit import atomic
from clsfw.testing.faults import fail, faults

if TYPE_CHECKING:
    from collections.abc import Iterator


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestWrite:
    def test_replaces_what_was_there(self, tmp_path: Path) -> None:
        atomic.write_text(tmp_path / "a", "old")
        atomic.write_text(tmp_path / "a", "new\r\nlines\n")

        assert (tmp_path / "a").read_bytes() == b"new\r\nlines\n"
        assert names(tmp_path) == ["a"]

    def test_failure_leaves_the_old_file_and_no_other(self, tmp_path: Path) -> None:
        atomic.write_text(tmp_path / "a", "old")

        for at in (1, 2, 3):
            with pytest.raises(HostError), faults(fail(at, errno.EIO, persistent=False)):
                atomic.write_text(tmp_path / "a", "new")

            assert (tmp_path / "a").read_text() == "old"
            assert names(tmp_path) == ["a"]

    def test_a_full_disk_is_told_with_path_and_bytes(self, tmp_path: Path) -> None:
        with (
            pytest.raises(HostError, match=rf"{tmp_path}/a: the disk is full \(5 bytes needed, [\d,]+ bytes free\)"),
            faults(fail(1, errno.ENOSPC, persistent=True)),
        ):
            atomic.write_bytes(tmp_path / "a", b"12345")

    def test_json_is_indented_in_the_order_given_and_ends_with_a_line_end(self, tmp_path: Path) -> None:
        atomic.write_json(tmp_path / "a", {"b": "é", "a": [1]})

        assert (tmp_path / "a").read_text(encoding="utf-8") == '{\n  "b": "é",\n  "a": [\n    1\n  ]\n}\n'

    def test_json_refuses_what_is_not_finite(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="JSON compliant"):
            atomic.write_json(tmp_path / "a", {"a": float("nan")})

        assert names(tmp_path) == []

    def test_a_link_is_replaced_and_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "other").write_text("untouched")
        (tmp_path / "a").symlink_to(tmp_path / "other")

        atomic.write_text(tmp_path / "a", "new")

        assert (tmp_path / "other").read_text() == "untouched"
        assert (tmp_path / "a").read_text() == "new"

    def test_a_very_long_name_has_room_for_its_temporary_one(self, tmp_path: Path) -> None:
        atomic.write_text(tmp_path / ("a" * 255), "x")

        assert names(tmp_path) == ["a" * 255]


class TestPieces:
    def test_each_is_on_the_disk_before_the_next_is_asked_for(self, tmp_path: Path) -> None:
        def pieces() -> Iterator[bytes]:
            for number in range(3):
                held = [path.read_bytes() for path in tmp_path.glob(".tmp-*")]
                assert held == ([b"012"[:number]] if number else [])
                assert not (tmp_path / "a").exists()
                yield str(number).encode()

        atomic.write_pieces(tmp_path / "a", pieces())

        assert (tmp_path / "a").read_bytes() == b"012"
        assert names(tmp_path) == ["a"]

    def test_none_at_all_are_an_empty_file(self, tmp_path: Path) -> None:
        atomic.write_pieces(tmp_path / "a", [])

        assert (tmp_path / "a").read_bytes() == b""

    @pytest.mark.parametrize("at", range(1, 6))
    def test_failure_leaves_the_old_file_and_no_other(self, tmp_path: Path, at: int) -> None:
        atomic.write_text(tmp_path / "a", "old")

        with pytest.raises(HostError), faults(fail(at, errno.EIO, persistent=False)):
            atomic.write_pieces(tmp_path / "a", [b"1", b"2", b"3"])  # three writes, a sync, a rename

        assert (tmp_path / "a").read_text() == "old"
        assert names(tmp_path) == ["a"]

    def test_an_error_in_making_them_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(ZeroDivisionError):
            atomic.write_pieces(tmp_path / "a", (b"%d" % (1 // number) for number in (1, 0)))

        assert names(tmp_path) == []


class TestStagedDirectory:
    def test_appears_whole(self, tmp_path: Path) -> None:
        with atomic.staged_directory(tmp_path / "model") as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "file").write_text("x")
            assert not (tmp_path / "model").exists()

        assert (tmp_path / "model" / "inner" / "file").read_text() == "x"
        assert names(tmp_path) == ["model"]

    def test_is_on_the_disk_before_it_appears(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Else a power cut could leave a directory of that name with empty files."""
        synced: list[tuple[str, bool]] = []

        def note(descriptor: int) -> None:
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            synced.append((path.name, (tmp_path / "model").exists()))

        monkeypatch.setattr(os, "fsync", note)
        with atomic.staged_directory(tmp_path / "model") as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "file").write_text("x")

        assert {("file", False), ("inner", False)} <= set(synced)
        assert synced[-1] == (tmp_path.name, True)

    def test_replaces_a_directory(self, tmp_path: Path) -> None:
        for text in ("old", "new"):
            with atomic.staged_directory(tmp_path / "model") as folder:
                (folder / text).write_text(text)

        assert names(tmp_path / "model") == ["new"]
        assert names(tmp_path) == ["model"]

    def test_an_error_in_the_block_changes_nothing(self, tmp_path: Path) -> None:
        def fill() -> None:
            with atomic.staged_directory(tmp_path / "model") as folder:
                (folder / "file").write_text("x")
                raise KeyError

        with pytest.raises(KeyError):
            fill()

        assert names(tmp_path) == []

    def test_a_failed_rename_puts_the_old_directory_back(self, tmp_path: Path) -> None:
        with atomic.staged_directory(tmp_path / "model") as folder:
            (folder / "old").write_text("x")
        renames = 0

        def second_rename_fails(number: int, name: str, operation: object, arguments: tuple[Path, ...]) -> None:
            nonlocal renames
            renames += name == "rename"
            if name == "rename" and renames == 2:
                raise OSError(errno.EIO, "input/output error")
            operation(*arguments)  # type: ignore[operator]  # it is one of the functions of files

        with (
            pytest.raises(HostError, match="input/output error"),
            faults(second_rename_fails),
            atomic.staged_directory(tmp_path / "model") as folder,
        ):
            (folder / "new").write_text("x")

        assert names(tmp_path / "model") == ["old"]

    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "No space left on device"),
            RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        ],
    )
    def test_a_full_disk_under_a_library_is_told_as_such(self, tmp_path: Path, error: Exception) -> None:
        with pytest.raises(HostError, match="the disk is full"), atomic.staged_directory(tmp_path / "model"):
            raise error

    def test_what_the_block_says_of_the_temporary_name_is_said_of_the_real_one(self, tmp_path: Path) -> None:
        with (
            pytest.raises(HostError, match=rf"^cannot write {tmp_path}/model/x: "),
            atomic.staged_directory(tmp_path / "model") as f,
        ):
            raise HostError(f"cannot write {f}/x: the disk is full")

    def test_a_link_in_it_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(HostError, match="neither a plain file"), atomic.staged_directory(tmp_path / "model") as f:
            (f / "link").symlink_to("/etc/passwd")

        assert names(tmp_path) == []

    def test_modes_are_those_of_the_umask_whatever_a_library_set(self, tmp_path: Path) -> None:
        script = (
            "import os, sys, pathlib; os.umask(0o027)\n"
            "from clsfw.kit import atomic\n"
            "with atomic.staged_directory(pathlib.Path(sys.argv[1])) as folder:\n"
            "    (folder / 'inner').mkdir(mode=0o700)\n"
            "    (folder / 'inner' / 'file').touch(mode=0o600)\n"
            "    (folder / 'script').touch(mode=0o777)\n"
        )
        subprocess.run([sys.executable, "-c", script, tmp_path / "model"], check=True)

        found = {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in (tmp_path / "model").rglob("*")}
        assert found == {"inner": "0o750", "file": "0o640", "script": "0o640"}

    def test_another_process_that_was_faster_is_no_error(self, tmp_path: Path) -> None:
        """As in a cache that several processes share: both have written the same entry."""
        path = tmp_path / "entry"
        renames = 0

        def one_is_faster(number: int, name: str, operation: object, arguments: tuple[Path, ...]) -> None:
            nonlocal renames
            renames += name == "rename"
            if name == "rename" and renames == 1:
                path.mkdir()
                (path / "theirs").touch()
            operation(*arguments)  # type: ignore[operator]  # it is one of the functions of files

        with faults(one_is_faster), atomic.staged_directory(path) as folder:
            (folder / "ours").touch()

        assert names(path) == ["ours"]
        assert names(tmp_path) == ["entry"]


class TestRemove:
    def test_a_directory_that_is_not_there_is_fine(self, tmp_path: Path) -> None:
        atomic.remove_directory(tmp_path / "none")

        assert names(tmp_path) == []

    def test_a_link_is_removed_and_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "target").mkdir()
        (tmp_path / "target" / "file").touch()
        (tmp_path / "link").symlink_to(tmp_path / "target")

        atomic.remove_directory(tmp_path / "link")

        assert names(tmp_path) == ["target"]
        assert names(tmp_path / "target") == ["file"]

    def test_leftovers_go_and_nothing_else(self, tmp_path: Path) -> None:
        (tmp_path / ".tmp-1").mkdir()
        (tmp_path / ".tmp-1" / "file").touch()
        (tmp_path / ".tmp-2").touch()
        (tmp_path / "tmp-3").touch()

        atomic.remove_leftovers(tmp_path)

        assert names(tmp_path) == ["tmp-3"]


def test_one_process_may_write_what_another_writes_too(tmp_path: Path) -> None:
    """Caches are shared; temporary names must not meet."""
    first = atomic.temporary(tmp_path / "a")

    assert first != atomic.temporary(tmp_path / "a")
    assert first.parent == tmp_path
    assert os.fspath(first.name).startswith(".tmp-")
