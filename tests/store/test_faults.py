"""A fault at the N-th file operation of a scripted run, for every N: the same command still ends alike."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from support.children import in_child

from clsfw.errors import HostError, RunDirectoryError
from clsfw.store.rundir import RunDirectory, read_run
from clsfw.testing.faults import fail, faults, kill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clsfw.testing.faults import Fault

# Python 3.12 warns of a fork where other tests left threads; the children here use none of those.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")

STEPS = 5
COMMITS = (1, 3, 4, STEPS)


def mini_run(path: Path, commits: list[int] | None = None) -> None:
    """Do all that a run does to its directory; "training" is one number, committed where `COMMITS` says."""
    with RunDirectory.open(path) as store:
        if store.state == "complete":
            return
        store.write_text("recipe.toml", "schema = 1\n")
        store.update(state="running")
        checkpoint = store.checkpoints.latest()
        step, value = 0, 1
        if checkpoint is not None:
            step, value = checkpoint.step, int((checkpoint.path / "inner" / "value").read_text())
        for now in range(step + 1, STEPS + 1):
            value = value * 31 + now
            store.history.append({"step": now, "loss": value / 7})
            if now in COMMITS:
                store.checkpoints.commit(now, writer(value), keep=2)
                if commits is not None:
                    commits.append(now)
        with store.staged("model") as folder:
            (folder / "weights").write_text(str(value))
        store.write_json("metrics.json", {"value": value})
        store.complete(steps=STEPS)


def writer(value: int) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "inner").mkdir()
        (folder / "inner" / "value").write_text(str(value))

    return write


def hashes(path: Path) -> dict[str, str]:
    assert read_run(path)["state"] == "complete"
    listed = json.loads((path / "manifest.json").read_text())["files"]
    return {name: facts["sha256"] for name, facts in listed.items()}


def without_waiting(fault: Fault) -> Fault:
    """Leave out the wait for the disk, which takes most of the time and changes nothing that a process can see."""

    def quick(number: int, name: str, operation: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        fault(number, name, (lambda *_: None) if name == "sync" else operation, arguments)

    return quick


def run_under(fault: Fault, path: Path) -> None:
    with faults(fault):
        mini_run(path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("undisturbed") / "run"
    mini_run(path)
    return hashes(path)


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    names: list[str] = []

    def count(number: int, name: str, operation: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        names.append(name)
        operation(*arguments)

    run_under(count, tmp_path_factory.mktemp("counted") / "run")
    return names


def assert_old_or_new(path: Path, undisturbed: dict[str, str]) -> None:
    """A reader either refuses the directory, or finds in it exactly what the undisturbed run left."""
    try:
        found = hashes(path)
    except RunDirectoryError:
        return
    assert undisturbed == found


class TestKill:
    @pytest.mark.thorough
    def test_at_every_operation_the_same_command_ends_with_the_same_bytes(
        self, tmp_path: Path, operations: list[str], undisturbed: dict[str, str]
    ) -> None:
        for at in range(1, len(operations) + 1):
            path = tmp_path / str(at) / "run"
            path.parent.mkdir()

            ended = in_child(lambda: run_under(without_waiting(kill(at)), path))  # noqa: B023  # called at once

            assert ended == signal.SIGKILL
            assert_old_or_new(path, undisturbed)
            run_under(without_waiting(kill(at=0)), path)
            assert (at, hashes(path)) == (at, undisturbed)
            assert [] == list(path.rglob(".tmp-*"))

    def test_again_and_again_the_run_still_ends(self, tmp_path: Path, undisturbed: dict[str, str]) -> None:
        """Each life gets ten operations further than the one before, so kills hit the clearing up of earlier kills."""
        path = tmp_path / "run"
        lives = 0
        while in_child(lambda: run_under(without_waiting(kill(20 + 3 * lives)), path)) == signal.SIGKILL:  # noqa: B023
            lives += 1

        assert lives >= 5
        assert hashes(path) == undisturbed


class TestFullDisk:
    @pytest.mark.parametrize("persistent", [False, True])
    @pytest.mark.thorough
    def test_at_every_operation_is_one_clear_error_and_loses_nothing(
        self, tmp_path: Path, operations: list[str], undisturbed: dict[str, str], *, persistent: bool
    ) -> None:
        for at, name in enumerate(operations, start=1):
            if name.startswith("remove"):
                continue
            path = tmp_path / str(at) / "run"
            path.parent.mkdir()
            commits: list[int] = []

            with (
                pytest.raises(HostError, match=r"the disk is full \(.*bytes free\)") as error,
                faults(without_waiting(fail(at, errno.ENOSPC, persistent=persistent))),
            ):
                mini_run(path, commits)

            assert str(path.parent) in str(error.value)
            assert_old_or_new(path, undisturbed)
            if commits and read_run(path, allow_incomplete=True)["state"] != "complete":
                with RunDirectory.open(path) as store:
                    latest = store.checkpoints.latest()
                assert latest is not None
                assert latest.step >= commits[-1]
            run_under(without_waiting(kill(at=0)), path)
            assert (at, hashes(path)) == (at, undisturbed)

    def test_other_refusals_are_one_clear_error_too(self, tmp_path: Path, operations: list[str]) -> None:
        for number in (errno.EROFS, errno.EACCES, errno.EMFILE, errno.EIO, errno.EDQUOT):
            for at in range(1, operations.index("append") + 30, 11):
                with (
                    pytest.raises(HostError, match=str(tmp_path)),
                    faults(without_waiting(fail(at, number, persistent=True))),
                ):
                    mini_run(tmp_path / f"{number}-{at}")


class PowerLoss:
    """Carries out operations as a disk may that keeps only what was synced, and cuts the power at one of them.

    File content is lost unless the file was synced since. With `names`, entries of a directory that was not synced
    since are lost too: made files and directories vanish, renamed and removed ones are back.
    """

    def __init__(self, at: int, root: Path, *, names: bool) -> None:
        self.at = at
        self.root = root
        self.names = names
        self.trash = root.with_name(f"{root.name}-trash")
        self.trash.mkdir()
        self.synced: dict[int, int] = {}  # inode -> size
        self.undo: list[tuple[Path, Callable[[], object]]] = []  # directory, how to take its change back

    def __call__(self, number: int, name: str, operation: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        if number == self.at:
            self.cut()
        path: Path = arguments[0]
        if name == "sync":
            if path.is_dir():
                self.undo = [(folder, back) for folder, back in self.undo if folder != path]
            else:
                self.synced[path.stat().st_ino] = path.stat().st_size
            return
        kept = self.trash / str(number)
        if name == "rename":
            old, new = arguments
            if new.is_file():
                os.link(new, kept)
            self.undo.append((new.parent, lambda: (new.rename(old), kept.exists() and kept.rename(new))))
        elif name == "remove":
            path.rename(kept)
            self.undo.append((path.parent, lambda: kept.rename(path)))
            return
        elif name == "remove_directory":
            self.undo.append((path.parent, path.mkdir))
        elif name == "make_directory":
            self.undo.append((path.parent, lambda: shutil.rmtree(path)))
        elif name in ("create", "append") and not path.exists():
            self.undo.append((path.parent, path.unlink))
        operation(*arguments)

    def cut(self) -> None:
        for path in self.root.rglob("*"):
            if path.is_file() and path.name != "lock":
                facts = path.stat()
                if self.synced.get(facts.st_ino) != facts.st_size:
                    os.truncate(path, facts.st_size // 2)
        if self.names:
            for _, back in reversed(self.undo):
                with suppress(FileNotFoundError):  # inside a directory whose own removal was synced
                    back()
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.thorough
class TestPowerLoss:
    @pytest.mark.parametrize("names", [False, True])
    def test_at_every_operation_the_same_command_ends_with_the_same_bytes(
        self, tmp_path: Path, operations: list[str], undisturbed: dict[str, str], *, names: bool
    ) -> None:
        for at in range(1, len(operations) + 1):
            path = tmp_path / str(at) / "run"
            path.parent.mkdir()

            ended = in_child(lambda: run_under(PowerLoss(at, path, names=names), path))  # noqa: B023  # called at once

            assert (at, ended) == (at, signal.SIGKILL)
            assert_old_or_new(path, undisturbed)
            run_under(without_waiting(kill(at=0)), path)
            assert (at, hashes(path)) == (at, undisturbed)
