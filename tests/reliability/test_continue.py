"""What a real run does when it is asked to stop, is not alone, finds damage, or finds itself changed or complete."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest
from forks import hashes

from clsfw.store.rundir import read_run

if TYPE_CHECKING:
    from pathlib import Path

    from forks import Forks, Life

SLOW = ("--set", "trainer.max_steps=160", "--set", "trainer.save_steps=20", "--set", "trainer.eval_steps=40")
"""Long enough to meet a signal in the middle, and short enough to be run to its end."""


def wait_for_step(out: Path, step: int) -> None:
    """Wait until a run has logged a step."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            lines = (out / "history.jsonl").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if len(lines) >= step:
            return
        time.sleep(0.005)
    raise AssertionError(f"step {step} was never logged")


def state(out: Path) -> str:
    found: str = read_run(out, allow_incomplete=True)["state"]
    return found


def steps(out: Path) -> list[int]:
    return sorted(int(p.name.split("-")[1]) for p in (out / "checkpoints").glob("step-*") if "." not in p.name)


def interrupted(forks: Forks, out: Path, number: int = signal.SIGINT, at: int = 5) -> Life:
    """Give a life that a signal ended in the middle of training."""
    life = forks.start(out, *SLOW)
    wait_for_step(out, at)
    os.kill(life.pid, number)
    return life


@pytest.fixture
def undisturbed(forks: Forks) -> dict[str, str]:
    """Give the hashes of the undisturbed run, made once for each trainer."""
    out = forks.folder / "undisturbed-slow" / "run"
    return hashes(out) if out.exists() else forks.complete(out, *SLOW)


class TestSignals:
    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.thorough)]
    )
    def test_the_first_ends_the_step_with_a_checkpoint_and_the_run_ends_alike(
        self, forks: Forks, tmp_path: Path, undisturbed: dict[str, str], number: int, code: int
    ) -> None:
        out = tmp_path / "run"
        life = interrupted(forks, out, number)

        assert life.wait() == code
        assert state(out) == "interrupted"
        assert "Traceback" not in life.told()
        lines = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
        assert steps(out)[-1] == lines[-1]["step"]
        again = forks.start(out, *SLOW)
        assert again.wait() == 0
        assert f"continued after step {lines[-1]['step']}" in again.told()
        assert hashes(out) == undisturbed

    @pytest.mark.thorough
    def test_a_second_one_stops_at_once_and_loses_nothing(self, gpu_forks: Forks, tmp_path: Path) -> None:
        """Every file operation takes a while here, so the second signal comes while the checkpoint is written."""
        out = tmp_path / "run"
        life = gpu_forks.start(out, fault={"kind": "linger", "seconds": 0.05})
        wait_for_step(out, 3)
        os.kill(life.pid, signal.SIGINT)
        time.sleep(0.5)
        os.kill(life.pid, signal.SIGTERM)

        assert life.wait() == 143
        assert state(out) == "interrupted"
        assert "stopped at once" in life.told()
        assert "Traceback" not in life.told()
        assert gpu_forks.complete(out) == hashes(gpu_forks.folder / "first" / "run")


@pytest.mark.thorough
class TestAlone:
    def test_a_second_run_in_the_same_directory_is_refused(self, gpu_forks: Forks, tmp_path: Path) -> None:
        out = tmp_path / "run"
        first = gpu_forks.start(out, "--set", "trainer.max_steps=100000")
        wait_for_step(out, 1)
        second = gpu_forks.start(out, *SLOW)

        assert second.wait() == 7
        assert f"in use by process {first.pid}" in second.told()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()


class TestDamage:
    def test_the_checkpoint_before_a_damaged_one_is_used(
        self, forks: Forks, tmp_path: Path, undisturbed: dict[str, str]
    ) -> None:
        out = tmp_path / "run"
        interrupted(forks, out, at=60).wait()
        newest = out / "checkpoints" / f"step-{steps(out)[-1]}"
        flip_largest(newest)

        life = forks.start(out, *SLOW)

        assert life.wait() == 0
        assert f"checkpoint {newest.name} is damaged" in " ".join(life.told().split())
        assert hashes(out) == undisturbed

    @pytest.mark.thorough
    def test_of_all_checkpoints_stops_and_changes_nothing(self, gpu_forks: Forks, tmp_path: Path) -> None:
        out = tmp_path / "run"
        interrupted(gpu_forks, out, at=60).wait()
        for folder in (out / "checkpoints").iterdir():
            flip_largest(folder)
        before = {path: path.read_bytes() for path in (out / "checkpoints").rglob("*") if path.is_file()}

        life = gpu_forks.start(out, *SLOW)

        assert life.wait() == 6
        assert "every checkpoint is damaged" in life.told()
        assert before == {path: path.read_bytes() for path in (out / "checkpoints").rglob("*") if path.is_file()}

    @pytest.mark.thorough
    def test_of_the_record_is_told(self, gpu_forks: Forks, tmp_path: Path) -> None:
        out = tmp_path / "run"
        interrupted(gpu_forks, out).wait()
        os.truncate(out / "run.json", 100)

        life = gpu_forks.start(out, *SLOW)

        assert life.wait() == 6
        assert "run.json cannot be read as the record of a run" in life.told()


def flip_largest(folder: Path) -> None:
    """Flip one bit in the largest file below a folder."""
    path = max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.thorough
class TestChanges:
    @pytest.fixture
    def begun(self, gpu_forks: Forks, tmp_path: Path) -> Path:
        out = tmp_path / "run"
        interrupted(gpu_forks, out).wait()
        return out

    def refusal(self, forks: Forks, out: Path, *arguments: str) -> str:
        life = forks.start(out, *SLOW, *arguments)
        assert life.wait() == 6
        assert state(out) == "interrupted"
        return life.told()

    def test_of_seed_and_settings_are_refused_and_listed(self, gpu_forks: Forks, begun: Path) -> None:
        told = self.refusal(gpu_forks, begun, "--set", "seed=8", "--set", "trainer.learning_rate=0.5")

        assert "seed: 7 before, 8 now" in told
        assert "learning_rate: 0.01 before, 0.5 now" in told

    def test_of_the_data_are_refused(self, gpu_forks: Forks, begun: Path) -> None:
        data = gpu_forks.folder / "tiny.csv"
        before = data.read_text()
        data.write_text(before.replace("film", "movie", 1))
        try:
            told = self.refusal(gpu_forks, begun)
        finally:
            data.write_text(before)

        assert "data.train" in told
        assert "data.test" not in told

    def test_of_versions_are_refused(self, gpu_forks: Forks, begun: Path) -> None:
        record = (begun / "run.json").read_text()
        version = json.loads(record)["fixed"]["environment"]["versions"]["torch"]
        (begun / "run.json").write_text(record.replace(f'"torch": "{version}"', '"torch": "2.0.0"'))

        assert f"torch: '2.0.0' before, '{version}' now" in self.refusal(gpu_forks, begun)

    def test_of_the_directory_do_not_matter(self, gpu_forks: Forks, begun: Path, tmp_path: Path) -> None:
        begun.rename(tmp_path / "moved")

        found = gpu_forks.complete(tmp_path / "moved", *SLOW)

        reference = gpu_forks.folder / "undisturbed-slow" / "run"
        assert found == (hashes(reference) if reference.exists() else gpu_forks.complete(reference, *SLOW))


@pytest.mark.thorough
class TestComplete:
    @pytest.fixture
    def complete(self, gpu_forks: Forks, tmp_path: Path) -> Path:
        shutil.copytree(gpu_forks.folder / "first" / "run", tmp_path / "run")
        return tmp_path / "run"

    def test_is_shown_and_not_trained_again(self, gpu_forks: Forks, complete: Path) -> None:
        before = (complete / "run.json").read_bytes()

        life = gpu_forks.start(complete)

        assert life.wait() == 0
        assert "is complete already" in " ".join(life.told().split())
        assert "accuracy" in life.told()
        assert (complete / "run.json").read_bytes() == before

    def test_with_another_recipe_is_refused(self, gpu_forks: Forks, complete: Path) -> None:
        life = gpu_forks.start(complete, "--set", "seed=8")

        assert life.wait() == 6
        assert "seed: 7 before, 8 now" in life.told()

    def test_with_a_changed_file_is_refused(self, gpu_forks: Forks, complete: Path) -> None:
        (complete / "metrics.json").write_text("{}")

        life = gpu_forks.start(complete)

        assert life.wait() == 6
        assert "metrics.json has 2 bytes instead of" in life.told()

    def test_fresh_moves_it_aside_and_ends_alike(self, gpu_forks: Forks, complete: Path) -> None:
        assert gpu_forks.complete(complete, "--fresh") == hashes(complete.with_name("run.old-1"))
