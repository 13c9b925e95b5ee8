from __future__ import annotations

import json
import os
import shutil
import stat
from typing import TYPE_CHECKING, Any

import pytest

from clsfw.errors import LockedError, RunDirectoryError
from clsfw.store.rundir import FILES, RunDirectory, free_checkpoints, read_run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def complete(path: Path) -> Path:
    """Give the directory of a complete run."""
    with RunDirectory.open(path) as store:
        store.update(state="running")
        store.history.append({"step": 1})
        store.checkpoints.commit(1, lambda folder: (folder / "weights").write_text("x") and None)
        with store.staged("model") as folder:
            (folder / "model.safetensors").write_bytes(b"weights")
        store.write_json("metrics.json", {"test": {"f1": 0.5}})
        store.write_text("recipe.toml", "schema = 1\n")
        store.write_bytes("predictions.csv", b"row\n")
        store.complete(verdict="REPRODUCED")
    return path


class TestRecord:
    def test_starts_new(self, path: Path) -> None:
        with RunDirectory.open(path) as store:
            assert store.state == "new"
            assert store.record == {"schema": 1, "state": "new"}

    def test_fields_are_merged_and_kept(self, path: Path) -> None:
        with RunDirectory.open(path) as store:
            store.update(state="running", seed=1)
            store.update(seed=2, name="é")

        with RunDirectory.open(path) as store:
            assert store.record == {"schema": 1, "state": "running", "seed": 2, "name": "é"}

    @pytest.mark.parametrize("state", ["complete", "done", None])
    def test_other_states_cannot_be_set(self, path: Path, state: Any) -> None:
        with RunDirectory.open(path) as store, pytest.raises(ValueError, match="is not a state to set"):
            store.update(state=state)

    def test_a_value_that_json_cannot_hold_changes_nothing(self, path: Path) -> None:
        with RunDirectory.open(path) as store:
            with pytest.raises(TypeError):
                store.update(value=object())

            assert store.record == {"schema": 1, "state": "new"}

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 1}', '{"schema": 1, "state": "odd"}'])
    def test_that_is_damaged_is_an_error_and_kept(self, path: Path, content: str) -> None:
        path.mkdir()
        (path / "run.json").write_text(content)

        with pytest.raises(RunDirectoryError, match=r"run\.json cannot be read"), RunDirectory.open(path):
            pass

        assert (path / "run.json").read_text() == content

    def test_of_another_schema_is_an_error(self, path: Path) -> None:
        path.mkdir()
        (path / "run.json").write_text('{"schema": 2, "state": "new"}')

        with pytest.raises(RunDirectoryError, match="has schema 2, and this version of clsfw reads 1"):
            read_run(path, allow_incomplete=True)


class TestWriting:
    def test_leaves_uniform_modes(self, complete: Path) -> None:
        reference = complete / "reference"
        reference.touch()
        expected = stat.S_IMODE(reference.stat().st_mode)

        assert {stat.S_IMODE(p.stat().st_mode) for p in complete.rglob("*") if p.is_file()} == {expected}

    @pytest.mark.parametrize("name", ["../evil", "run.json", "manifest.json", "notes.txt", "/etc/passwd", "model"])
    def test_other_names_are_refused(self, path: Path, name: str) -> None:
        with RunDirectory.open(path) as store:
            with pytest.raises(ValueError, match="not among what a run writes"):
                store.write_text(name, "x")
            with pytest.raises(ValueError, match="not among what a run writes"):
                store.staged("recipe.toml")

    def test_leftovers_of_a_crash_are_removed_when_opened(self, path: Path) -> None:
        (path / "checkpoints" / ".tmp-2").mkdir(parents=True)
        (path / ".tmp-1").touch()
        (path / "run.json").write_text('{"schema": 1, "state": "running"}')

        with RunDirectory.open(path):
            assert sorted(p.name for p in path.rglob("*")) == ["checkpoints", "lock", "run.json"]

    def test_two_at_once_are_refused(self, path: Path) -> None:
        with RunDirectory.open(path), pytest.raises(LockedError), RunDirectory.open(path):
            pass

    def test_fresh_does_not_take_a_directory_from_its_holder(self, path: Path) -> None:
        with RunDirectory.open(path), pytest.raises(LockedError), RunDirectory.open(path, fresh=True):
            pass


class TestMeddling:
    """What somebody removes while a run is at work does not stop it."""

    def test_checkpoints_are_freed_where_nobody_is_at_work(self, path: Path) -> None:
        with RunDirectory.open(path) as store:
            store.checkpoints.commit(1, lambda folder: (folder / "a").touch())
            with pytest.raises(LockedError):
                free_checkpoints(path)
        free_checkpoints(path)

        assert not (path / "checkpoints").exists()

    def test_removed_checkpoints_are_followed_by_new_ones(self, path: Path) -> None:
        with RunDirectory.open(path) as store:
            store.checkpoints.commit(1, lambda folder: (folder / "a").touch())
            shutil.rmtree(path / "checkpoints")
            store.checkpoints.commit(2, lambda folder: (folder / "a").touch())

            latest = store.checkpoints.latest()
            assert latest is not None
            assert latest.step == 2

    def test_a_removed_record_and_history_are_written_again(self, path: Path) -> None:
        with RunDirectory.open(path) as store:
            store.update(state="running", seed=1)
            store.history.append({"step": 1})
            (path / "run.json").unlink()
            (path / "history.jsonl").unlink()
            store.history.append({"step": 2})
            store.complete()

        assert read_run(path)["seed"] == 1
        assert (path / "history.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n'


class TestComplete:
    def test_is_read_as_it_was_written(self, complete: Path) -> None:
        record = read_run(complete)

        assert record["state"] == "complete"
        assert record["verdict"] == "REPRODUCED"

    def test_manifest_lists_the_results_and_not_the_machinery(self, complete: Path) -> None:
        listed = json.loads((complete / "manifest.json").read_text())["files"]

        assert list(listed) == [
            "history.jsonl",
            "metrics.json",
            "model/model.safetensors",
            "predictions.csv",
            "recipe.toml",
        ]

    def test_removes_the_checkpoints(self, complete: Path) -> None:
        assert not (complete / "checkpoints").exists()

    def test_checkpoints_that_a_crash_left_go_at_the_next_opening(self, complete: Path) -> None:
        (complete / "checkpoints" / "step-1").mkdir(parents=True)

        with RunDirectory.open(complete) as store:
            assert store.state == "complete"

        assert not (complete / "checkpoints").exists()

    def test_nothing_can_be_written_any_more(self, complete: Path) -> None:
        with RunDirectory.open(complete) as store:
            for write in (
                lambda: store.update(state="running"),
                lambda: store.write_text("README.md", "x"),
                lambda: store.staged("model"),
                store.complete,
            ):
                with pytest.raises(RuntimeError, match="is complete; nothing may be written"):
                    write()

        assert read_run(complete)["state"] == "complete"

    def test_can_be_moved_and_copied(self, complete: Path, tmp_path: Path) -> None:
        shutil.copytree(complete, tmp_path / "copy")
        complete.rename(tmp_path / "moved")

        assert read_run(tmp_path / "moved") == read_run(tmp_path / "copy")

    def test_files_of_others_beside_the_results_do_not_matter(self, complete: Path) -> None:
        (complete / "notes.txt").write_text("mine")

        assert read_run(complete)["state"] == "complete"

    def test_reading_changes_nothing(self, complete: Path) -> None:
        before = {p: p.stat().st_mtime_ns for p in [complete, *complete.rglob("*")]}

        read_run(complete)

        assert before == {p: p.stat().st_mtime_ns for p in [complete, *complete.rglob("*")]}


class TestReadRun:
    @pytest.mark.parametrize("name", ["metrics.json", "predictions.csv", "history.jsonl", "model/model.safetensors"])
    def test_names_a_changed_file(self, complete: Path, name: str) -> None:
        content = bytearray((complete / name).read_bytes())
        content[0] ^= 1
        (complete / name).write_bytes(content)

        with pytest.raises(RunDirectoryError, match=f"is not what the run wrote: {name} was changed"):
            read_run(complete)
        assert read_run(complete, verify=False)["state"] == "complete"

    def test_names_every_wrong_file(self, complete: Path) -> None:
        (complete / "metrics.json").unlink()
        os.truncate(complete / "recipe.toml", 3)
        (complete / "model" / "pytorch_model.bin").touch()

        with pytest.raises(
            RunDirectoryError,
            match=r"metrics\.json is missing; recipe\.toml has 3 bytes .* 11; model/pytorch_model\.bin was added",
        ):
            read_run(complete)

    @pytest.mark.parametrize("content", [None, "", '{"files": {}}'])
    def test_a_damaged_manifest_proves_nothing(self, complete: Path, content: str | None) -> None:
        (complete / "manifest.json").unlink()
        if content is not None:
            (complete / "manifest.json").write_text(content)

        with pytest.raises(RunDirectoryError, match=r"manifest\.json is missing or was changed"):
            read_run(complete)

    def test_refuses_what_is_not_complete(self, path: Path) -> None:
        with RunDirectory.open(path) as store:
            store.update(state="interrupted")

        with pytest.raises(
            RunDirectoryError, match="its state is 'interrupted'; the same `clsfw run` command continues"
        ):
            read_run(path)
        assert read_run(path, allow_incomplete=True)["state"] == "interrupted"

    def test_a_copied_state_does_not_make_a_run_complete(self, path: Path) -> None:
        with RunDirectory.open(path):
            pass
        (path / "run.json").write_text('{"schema": 1, "state": "complete"}')

        with pytest.raises(RunDirectoryError, match="nothing here can be proven"):
            read_run(path)

    def test_refuses_what_is_no_run(self, tmp_path: Path) -> None:
        with pytest.raises(RunDirectoryError, match=r"is not a run directory: it holds no run\.json"):
            read_run(tmp_path)
        with pytest.raises(RunDirectoryError, match="is not a directory; give the directory of a run"):
            read_run(tmp_path / "none")

    def test_a_text_in_the_place_of_a_run_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RunDirectoryError, match="cannot be read: file name too long; give the directory of a run"):
            read_run(tmp_path / ("a text " * 50))

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
    def test_a_run_below_a_folder_that_may_not_be_entered_is_refused(self, complete: Path) -> None:
        complete.parent.chmod(0)
        try:
            with pytest.raises(RunDirectoryError, match="cannot be read: permission denied"):
                read_run(complete)
        finally:
            complete.parent.chmod(0o700)


def test_only_plain_names_may_be_written() -> None:
    assert all("/" not in name and not name.startswith(".") for name in FILES)


def test_every_name_stands_in_the_documentation(root: Path) -> None:
    text = (root / "docs" / "reference" / "run-directory.md").read_text(encoding="utf-8")

    assert [name for name in (*FILES, "run.json", "manifest.json", "history.jsonl") if f"`{name}`" not in text] == []
