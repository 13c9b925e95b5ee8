from __future__ import annotations

import errno
import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from clsfw.contract.run import Checkpoint
from clsfw.errors import HostError, RunDirectoryError
from clsfw.store.checkpoints import Checkpoints
from clsfw.store.history import History
from clsfw.testing.faults import fail, faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ("state/optimizer.bin", "state/model.bin", "history.jsonl", "timings.json", "checkpoint.json")


def write(folder: Path) -> None:
    (folder / "model.bin").write_bytes(b"weights" * 50)
    (folder / "optimizer.bin").write_bytes(b"moments" * 50)


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.jsonl")


@pytest.fixture
def checkpoints(tmp_path: Path, history: History, warnings: list[str]) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", history, warnings.append)


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "checkpoints").iterdir())


def reopened(tmp_path: Path, warnings: list[str]) -> tuple[Checkpoints, History]:
    history = History(tmp_path / "history.jsonl")
    return Checkpoints(tmp_path / "checkpoints", history, warnings.append), history


class TestCommit:
    def test_none_is_latest_before_the_first(self, checkpoints: Checkpoints) -> None:
        assert checkpoints.latest() is None
        assert not checkpoints.any()

    def test_keeps_the_seconds_taken_so_far(self, checkpoints: Checkpoints) -> None:
        checkpoints.timings = lambda: {"train_seconds": 1.5}
        checkpoints.commit(7, write)
        latest = checkpoints.latest()

        assert latest is not None
        assert {"train_seconds": 1.5} == latest.timings

    def test_gives_back_what_was_written(self, checkpoints: Checkpoints) -> None:
        checkpoints.commit(7, write)

        latest = checkpoints.latest()
        assert latest is not None
        assert latest.step == 7
        assert sorted(p.name for p in latest.path.iterdir()) == ["model.bin", "optimizer.bin"]
        assert checkpoints.any()

    @pytest.mark.parametrize(("keep", "kept"), [(1, ["step-100"]), (2, ["step-100", "step-20"]), (None, None)])
    def test_the_newest_are_kept(
        self, checkpoints: Checkpoints, tmp_path: Path, keep: int | None, kept: list[str] | None
    ) -> None:
        for step in (3, 20, 100):
            checkpoints.commit(step, write, keep=keep)

        assert names(tmp_path) == (kept or ["step-100", "step-20", "step-3"])

    def test_the_same_step_again_replaces_the_first_commit(
        self, checkpoints: Checkpoints, tmp_path: Path, history: History
    ) -> None:
        checkpoints.commit(1, write)
        for _ in range(3):
            history.append({"step": 2})
            checkpoints.commit(2, write)

        assert names(tmp_path) == ["step-1", "step-2-3"]
        assert checkpoints.latest() == Checkpoint(2, tmp_path / "checkpoints" / "step-2-3" / "state")

    def test_the_state_before_any_step_can_be_kept(self, checkpoints: Checkpoints) -> None:
        checkpoints.commit(0, write)

        latest = checkpoints.latest()
        assert latest is not None
        assert latest.step == 0

    def test_size_counts_the_bytes_of_all(self, checkpoints: Checkpoints) -> None:
        assert checkpoints.size() == 0
        checkpoints.commit(1, write)
        one = checkpoints.size()
        checkpoints.commit(2, write)

        assert one > 700
        assert checkpoints.size() == 2 * one

    def test_an_error_of_the_writer_leaves_what_was_there(self, checkpoints: Checkpoints, tmp_path: Path) -> None:
        checkpoints.commit(1, write)

        def fails(folder: Path) -> None:
            (folder / "half").touch()
            raise KeyError("half")

        with pytest.raises(KeyError):
            checkpoints.commit(2, fails)

        assert names(tmp_path) == ["step-1"]

    def test_the_older_one_stays_until_the_newer_is_on_the_disk(self, checkpoints: Checkpoints, tmp_path: Path) -> None:
        """No operation before the final rename and its sync may touch the older checkpoint."""
        checkpoints.commit(1, write, keep=1)
        seen = []

        def watch(number: int, name: str, operation: Callable[..., None], arguments: tuple[Path, ...]) -> None:
            operation(*arguments)
            seen.append((name, names(tmp_path)))

        with faults(watch):
            checkpoints.commit(2, write, keep=1)

        first_without = next(i for i, (_, there) in enumerate(seen) if "step-1" not in there)
        synced = [i for i, (name, there) in enumerate(seen) if name == "sync" and "step-2" in there]
        assert synced[0] < first_without

    def test_a_full_disk_leaves_the_older_one(self, checkpoints: Checkpoints, tmp_path: Path) -> None:
        checkpoints.commit(1, write)

        with pytest.raises(HostError, match="the disk is full"), faults(fail(1, errno.ENOSPC, persistent=True)):
            checkpoints.commit(2, write)

        assert names(tmp_path) == ["step-1"]
        assert checkpoints.latest() is not None

    @pytest.mark.parametrize(("step", "keep"), [(-1, 2), (1, 0)])
    def test_nonsense_is_refused(self, checkpoints: Checkpoints, step: int, keep: int) -> None:
        with pytest.raises(ValueError, match="must not be negative"):
            checkpoints.commit(step, write, keep=keep)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


def remove(path: Path) -> None:
    path.unlink()


def replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


class TestDamage:
    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("damage", [truncate, empty, flip, remove, replace_by_directory])
    def test_is_found_and_the_one_before_is_used(
        self,
        checkpoints: Checkpoints,
        history: History,
        tmp_path: Path,
        warnings: list[str],
        name: str,
        damage: Callable[[Path], None],
    ) -> None:
        for step in (1, 2):
            history.append({"step": step})
            checkpoints.commit(step, write)
        damage(tmp_path / "checkpoints" / "step-2" / name)

        again, lines = reopened(tmp_path, warnings)
        latest = again.latest()

        assert latest == Checkpoint(1, tmp_path / "checkpoints" / "step-1" / "state")
        assert names(tmp_path) == ["step-1", "step-2.broken"]
        assert lines.read() == [{"step": 1}]
        assert len(warnings) == 1
        assert f"checkpoint step-2 is damaged: {name} " in warnings[0]

    def test_an_added_file_is_found(self, checkpoints: Checkpoints, tmp_path: Path, warnings: list[str]) -> None:
        checkpoints.commit(1, write)
        checkpoints.commit(2, write)
        (tmp_path / "checkpoints" / "step-2" / "state" / "pytorch_model.bin").touch()

        latest = checkpoints.latest()

        assert latest is not None
        assert latest.step == 1
        assert "state/pytorch_model.bin was added" in warnings[0]

    def test_a_renamed_checkpoint_is_found(self, checkpoints: Checkpoints, tmp_path: Path, warnings: list[str]) -> None:
        checkpoints.commit(1, write)
        shutil.copytree(tmp_path / "checkpoints" / "step-1", tmp_path / "checkpoints" / "step-9")

        latest = checkpoints.latest()

        assert latest is not None
        assert latest.step == 1
        assert warnings == [
            "checkpoint step-9 is damaged: it holds step 1; it is kept as step-9.broken, and the one before it is used"
        ]

    def test_of_all_is_an_error_that_changes_nothing(
        self, checkpoints: Checkpoints, tmp_path: Path, warnings: list[str]
    ) -> None:
        for step in (1, 2):
            checkpoints.commit(step, write)
            truncate(tmp_path / "checkpoints" / f"step-{step}" / "state" / "model.bin")

        with pytest.raises(RunDirectoryError) as error:
            checkpoints.latest()

        assert error.value.exit_code == 6
        assert str(error.value).splitlines() == [
            f"{tmp_path}/checkpoints: every checkpoint is damaged, so this run cannot go on; nothing was removed:",
            "    step-2: state/model.bin has 175 bytes instead of 350",
            "    step-1: state/model.bin has 175 bytes instead of 350",
            "--fresh moves the whole directory aside and starts over",
        ]
        assert names(tmp_path) == ["step-1", "step-2"]
        assert warnings == []

    def test_of_any_bit_of_the_manifest_is_found_or_harmless(
        self, checkpoints: Checkpoints, tmp_path: Path, warnings: list[str]
    ) -> None:
        checkpoints.commit(1, write)
        checkpoints.commit(2, write)
        shutil.copytree(tmp_path / "checkpoints" / "step-2", tmp_path / "whole")
        content = (tmp_path / "whole" / "checkpoint.json").read_bytes()

        for at in range(len(content)):
            flipped = bytearray(content)
            flipped[at] ^= 1 << (at % 8)
            (tmp_path / "whole" / "checkpoint.json").write_bytes(flipped)
            shutil.rmtree(tmp_path / "checkpoints" / "step-2", ignore_errors=True)
            shutil.rmtree(tmp_path / "checkpoints" / "step-2.broken", ignore_errors=True)
            shutil.copytree(tmp_path / "whole", tmp_path / "checkpoints" / "step-2")

            latest = checkpoints.latest()

            assert latest is not None
            assert latest.step == 1 or json.loads(flipped) == json.loads(content)

    def test_of_the_same_step_twice_keeps_both_aside(
        self, checkpoints: Checkpoints, tmp_path: Path, warnings: list[str]
    ) -> None:
        checkpoints.commit(1, write)
        for _ in range(2):
            checkpoints.commit(2, write)
            flip(tmp_path / "checkpoints" / "step-2" / "state" / "model.bin")
            checkpoints.latest()

        assert names(tmp_path) == ["step-1", "step-2.broken", "step-2.broken-2"]

    def test_a_manifest_that_is_json_of_another_shape_is_damage(
        self, checkpoints: Checkpoints, tmp_path: Path, warnings: list[str]
    ) -> None:
        checkpoints.commit(1, write)
        for content in ("[]", "{}", '{"step": 2, "files": {"state": 3}}', "[" * 100_000):
            checkpoints.commit(2, write)
            (tmp_path / "checkpoints" / "step-2" / "checkpoint.json").write_text(content)

            latest = checkpoints.latest()

            assert latest is not None
            assert latest.step == 1


class TestLatest:
    def test_numbers_decide_and_no_clock(self, checkpoints: Checkpoints, tmp_path: Path) -> None:
        for step in (5, 10):
            checkpoints.commit(step, write)
        os.utime(tmp_path / "checkpoints" / "step-10", (0, 0))
        checkpoints.commit(15, write)

        assert names(tmp_path) == ["step-10", "step-15"]
        os.utime(tmp_path / "checkpoints" / "step-15", (0, 0))
        latest = checkpoints.latest()
        assert latest is not None
        assert latest.step == 15

    def test_rewinds_the_history_once(self, checkpoints: Checkpoints, history: History, tmp_path: Path) -> None:
        history.append({"step": 1})
        checkpoints.commit(1, write)
        history.append({"step": 2})

        again, lines = reopened(tmp_path, [])
        again.latest()
        lines.append({"step": 20})
        again.latest()

        assert lines.read() == [{"step": 1}, {"step": 20}]

    def test_works_after_the_directory_was_moved(self, checkpoints: Checkpoints, tmp_path: Path) -> None:
        checkpoints.commit(1, write)
        (tmp_path / "checkpoints").rename(tmp_path / "elsewhere")

        moved = Checkpoints(tmp_path / "elsewhere", History(tmp_path / "h"), print).latest()

        assert moved == Checkpoint(1, tmp_path / "elsewhere" / "step-1" / "state")

    def test_the_manifest_lists_all_files_with_size_and_hash(self, checkpoints: Checkpoints, tmp_path: Path) -> None:
        checkpoints.commit(3, write)

        facts = json.loads((tmp_path / "checkpoints" / "step-3" / "checkpoint.json").read_text())
        assert facts["step"] == 3
        assert list(facts["files"]) == ["history.jsonl", "state/model.bin", "state/optimizer.bin", "timings.json"]
        assert facts["files"]["state/model.bin"]["bytes"] == 350
