"""`clsfw runs` and `clsfw clean`, over folders of every state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.runs import write_run
from support.terminals import terminal

from clsfw.cli import main
from clsfw.evidence.listing import find_runs
from clsfw.kit.lock import locked
from clsfw.store.rundir import RunDirectory

if TYPE_CHECKING:
    from pathlib import Path

GOLD = [0, 1, 0, 1]


def stopped(path: Path, state: str) -> Path:
    """Write a run that ended its third step and no more."""
    with RunDirectory.open(path) as store:
        fixed = {"recipe": {"data": {"use": "csv"}}, "environment": {}, "plugins": {}, "data": {}}
        store.update(state=state, name="x", identity="ab", seed=1, started="2026-01-02T03:04:05+00:00", fixed=fixed)
        store.history.append({"step": 3, "loss": 0.5})
        store.checkpoints.commit(3, lambda folder: (folder / "weights").write_bytes(b"w" * 5_000_000) and None)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"
    write_run(runs / "done", GOLD, GOLD, started="2026-05-02T03:04:05+00:00")
    stopped(runs / "interrupted", "interrupted")
    stopped(runs / "failed", "failed")
    stopped(runs / "killed", "running")
    (runs / "broken").mkdir()
    (runs / "broken/run.json").write_text("{")
    (runs / "other").mkdir()
    return runs


class TestRuns:
    def test_every_state_is_listed_the_latest_first(self, folder: Path) -> None:
        found = {run.directory.name: run.state for run in find_runs(folder)}

        assert {
            "done": "complete",
            "interrupted": "interrupted",
            "failed": "failed",
            "killed": "killed",
            "broken": "broken",
        } == found
        assert "done" == next(iter(found))

    def test_a_run_at_work_is_not_killed(self, folder: Path) -> None:
        with locked(folder / "killed"):
            states = {run.directory.name: run.state for run in find_runs(folder)}

        assert "running" == states["killed"]

    def test_the_list_has_scores_steps_and_why_one_is_broken(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert 0 == main(["runs"])
        told = capsys.readouterr().out

        assert "done         complete             accuracy 1.0000" in told
        assert "interrupted, step 3" in told
        assert f"broken: {folder.relative_to(folder.parent)}/broken/run.json cannot be read" in told

    def test_json(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert 0 == main(["runs", str(folder), "--json"])
        runs = {run["directory"]: run for run in json.loads(capsys.readouterr().out)}

        assert 1.0 == runs[str(folder / "done")]["scores"]["accuracy"]
        assert 3 == runs[str(folder / "failed")]["step"]
        assert 5_000_000 < runs[str(folder / "failed")]["checkpoint_bytes"] < 5_100_000

    def test_one_run_may_be_named(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert 0 == main(["runs", str(folder / "done")])
        assert 2 == len(capsys.readouterr().out.splitlines())

    def test_no_such_folder_is_told(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert 6 == main(["runs", str(tmp_path / "nope")])
        assert "is not a directory" in capsys.readouterr().err


class TestClean:
    def test_it_shows_what_would_go_and_asks_nobody_in_a_script(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert 2 == main(["clean"])
        told = capsys.readouterr()

        assert ["runs/failed", "runs/interrupted", "runs/killed"] == [
            line.split()[0] for line in sorted(told.out.splitlines()) if line.startswith("runs/")
        ]
        assert "--yes" in told.err
        assert (folder / "failed/checkpoints/step-3").is_dir()

    def test_it_frees_all_but_runs_at_work(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        before = (folder / "done/run.json").read_bytes()
        with locked(folder / "killed"):
            assert 0 == main(["clean", "--yes"])

        assert "10.0 MB freed" in capsys.readouterr().out
        assert [] == [name for name in ("failed", "interrupted") if (folder / name / "checkpoints").exists()]
        assert (folder / "killed/checkpoints/step-3").is_dir()
        assert before == (folder / "done/run.json").read_bytes()

    @pytest.mark.parametrize(("answer", "kept"), [("n", True), ("", True), ("y", False)])
    def test_the_answer_counts(self, answer: str, kept: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("builtins.input", lambda _: answer)
        with terminal(80) as screen, open(screen.stream.fileno(), closefd=False) as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            assert 0 == main(["clean", str(folder / "failed")])

        assert kept == (folder / "failed/checkpoints/step-3").is_dir()

    def test_checkpoints_that_a_crash_left_half_removed_are_freed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_run(tmp_path / "done", GOLD, GOLD)
        left = tmp_path / "done" / ".tmp-0123456789ab" / "step-3"
        left.mkdir(parents=True)
        (left / "state").write_bytes(bytes(3_000_000))

        assert 0 == main(["clean", "--yes", str(tmp_path)])

        assert "3.0 MB freed" in capsys.readouterr().out
        assert not left.parent.exists()

    def test_nothing_to_free(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_run(tmp_path / "done", GOLD, GOLD)

        assert 0 == main(["clean", str(tmp_path)])
        assert "nothing to remove" in capsys.readouterr().out


class TestCompareAmongThem:
    def test_what_is_not_complete_is_skipped_by_name(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_run(folder / "second", GOLD, [0, 1, 1, 1])

        assert 0 == main(["compare", *(f"runs/{name}" for name in ("done", "failed", "second", "broken"))])
        told = capsys.readouterr()
        assert "skipped runs/failed: " in told.err
        assert "skipped runs/broken: " in told.err
        assert "4 test rows, the same for all runs" in told.out

    def test_one_that_is_left_is_not_compared(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert 6 == main(["compare", "runs/done", "runs/failed"])
        assert "runs/failed is not complete: its state is 'failed'" in capsys.readouterr().err
