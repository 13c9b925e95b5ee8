"""Group F: what this machine, the surroundings and the run directory do not allow."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from clsfw.store.rundir import RunDirectory, read_run

GPU = """\
[trainer]
use = "gpu-trainer"
max_steps = 2
batch_size = 4
"""
TINY = """\
[model]
use = "hf-distilbert"
max_length = 8
scratch = { dim = 8, hidden_dim = 8, n_layers = 1, n_heads = 1 }
"""


@pytest.fixture
def torch_recipe(toy):
    """Give a function that writes a recipe whose trainer is asked for something."""

    def write(asked, use="gpu-trainer"):
        trainer = GPU.replace("gpu-trainer", use) + asked + "\n"
        return toy(('[model]\nuse = "toy"\n', TINY), ('[trainer]\nuse = "toy"\n', trainer))

    return write


@pytest.fixture
def no_gpu():
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a machine without a CUDA device")


@pytest.mark.usefixtures("no_gpu")
class TestDevice:
    @pytest.mark.parametrize("verb", ["check", "run"])
    @pytest.mark.parametrize("use", ["gpu-trainer", "hf-trainer"])
    def test_94_a_gpu_that_is_not_there(self, use, verb, torch_recipe, cli):
        answer = cli(verb, torch_recipe('device = "cuda"', use))

        assert 6 == answer.code
        assert "device 'cuda': torch" in answer.err
        assert "sees no CUDA device" in answer.err

    @pytest.mark.parametrize("verb", ["check", "run"])
    @pytest.mark.parametrize("use", ["gpu-trainer", "hf-trainer"])
    def test_95_a_number_format_that_the_cpu_does_not_have(self, use, verb, torch_recipe, cli):
        answer = cli(verb, torch_recipe('precision = "tf32"', use))

        assert 6 == answer.code
        assert "precision 'tf32' is a format of NVIDIA GPUs" in answer.err

    def test_95_a_number_format_that_nobody_has(self, torch_recipe, refused):
        answer = refused(2, "run", torch_recipe('precision = "fp16"'))

        assert "[trainer] precision: must be one of" in answer.err


def test_94_a_device_by_number(torch_recipe, refused):
    assert "[trainer] device: must be one of" in refused(2, "run", torch_recipe('device = "cuda:7"')).err


@pytest.mark.parametrize("verb", ["check", "run"])
def test_96_a_disk_too_small(verb, torch_recipe, cli, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))

    answer = cli(verb, torch_recipe(""))

    assert 6 == answer.code
    assert "the checkpoints and the model will need" in answer.err
    assert "but only 1,000 bytes are free there" in answer.err


def test_96_a_disk_that_is_full_when_the_baseline_is_saved(toy, cli, tmp_path, monkeypatch):
    write = Path.write_bytes

    def full(path, data):
        if path.name == "model.safetensors":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    recipe = toy(
        ('[model]\nuse = "toy"', '[model]\nuse = "tfidf"'), ('[trainer]\nuse = "toy"', '[trainer]\nuse = "sklearn-fit"')
    )

    answer = cli("run", recipe, "--out", tmp_path / "run")

    assert 6 == answer.code
    assert f"error: cannot write {tmp_path / 'run' / 'model'}: the disk is full (" in answer.told
    assert " bytes free); free some space, and the same command goes on" in answer.told
    monkeypatch.undo()
    assert 0 == cli("run", recipe, "--out", tmp_path / "run").code


class TestPlaces:
    def test_97_a_file_in_the_place_of_the_run_directory(self, toy, cli, tmp_path):
        (tmp_path / "file").write_text("mine")

        answer = cli("run", toy(), "--out", tmp_path / "file")

        assert 6 == answer.code
        assert f"{tmp_path / 'file'} is a file; a run needs a directory of its own" in answer.err
        assert "mine" == (tmp_path / "file").read_text()

    def test_97_a_file_on_the_way_to_it(self, toy, cli, tmp_path):
        (tmp_path / "file").write_text("mine")

        answer = cli("run", toy(), "--out", tmp_path / "file" / "run")

        assert 6 == answer.code
        assert "is a file" in answer.err

    @pytest.mark.skipif(not Path("/proc/1").is_dir(), reason="needs the read-only /proc of Linux")
    def test_97_a_place_that_cannot_be_written(self, toy, cli):
        answer = cli("run", toy(), "--out", "/proc/1/run")

        assert 6 == answer.code
        assert "/proc/1 cannot be written by this user; choose another place" in answer.err

    def test_97_a_current_directory_that_was_removed(self, cli, tmp_path, monkeypatch):
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()

        for verb in (["run", "quickstart"], ["new", "plugin", "abc", "--kind", "metric"]):
            answer = cli(*verb)

            assert (6, "clsfw: error: the current directory was removed; change into another one\n") == (
                answer.code,
                answer.err,
            )

    def test_98_what_is_not_ours(self, toy, cli, tmp_path):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "thesis.tex").write_text("mine")

        for extra in ([], ["--fresh"]):
            answer = cli("run", toy(), "--out", tmp_path / "mine", *extra)

            assert 6 == answer.code
            assert "is not empty and holds no run (it has 'thesis.tex')" in answer.err
        assert ["thesis.tex"] == [file.name for file in (tmp_path / "mine").iterdir()]

    def test_98_an_interrupted_run_of_another_recipe(self, toy, cli, interrupted):
        answer = cli("run", toy(("seed = 7", "seed = 8")), "--out", interrupted)

        assert 6 == answer.code
        assert "seed: 7 before, 8 now" in answer.err
        assert "interrupted" == read_run(interrupted, allow_incomplete=True)["state"]

    def test_98_a_complete_run_of_another_recipe(self, toy, cli, tmp_path):
        assert 0 == cli("run", toy(), "--out", "run").code
        before = (tmp_path / "run" / "run.json").read_bytes()

        answer = cli("run", toy(("seed = 7", "seed = 8")), "--out", "run")

        assert 6 == answer.code
        assert "seed: 7 before, 8 now" in answer.err
        assert before == (tmp_path / "run" / "run.json").read_bytes()

    def test_99_a_directory_in_use(self, toy, cli, tmp_path):
        recipe = toy()
        with RunDirectory.open(tmp_path / "run"):
            answer = cli("run", recipe, "--out", "run")

        assert 7 == answer.code
        assert f"is in use by process {os.getpid()} on host " in answer.err

    def test_100_a_cache_that_cannot_be_written(self, toy, refused, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("CLSFW_CACHE", str(tmp_path / "file"))

        assert str(tmp_path / "file") in refused(6, "run", toy()).err


def test_101_a_library_of_another_version_than_before(toy, cli, interrupted):
    record = (interrupted / "run.json").read_text()
    version = read_run(interrupted, allow_incomplete=True)["fixed"]["environment"]["versions"]["numpy"]
    (interrupted / "run.json").write_text(record.replace(f'"numpy": "{version}"', '"numpy": "1.0"'))

    answer = cli("run", toy(), "--out", interrupted, "--set", "trainer.stop_at=5")

    assert 6 == answer.code
    assert f"numpy: '1.0' before, '{version}' now" in answer.err


CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
from clsfw.cli import main
sys.exit(main(sys.argv[2:]))
"""


def test_102_too_few_open_files(toy, tmp_path):
    command = [sys.executable, "-c", CHILD, "5", "run", str(toy()), "--out", "run"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert 6 == done.returncode
    assert done.stderr.endswith(": too many open files; raise the limit of open files (ulimit -n)\n")
    assert 1 == len(done.stderr.splitlines())


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]) * 2**20, int(sys.argv[1]) * 2**20))
from clsfw.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of address space that is kept")
@pytest.mark.parametrize("mebibytes", [150, 200, 250, 350, 450])
def test_102_too_little_memory(mebibytes, toy, tmp_path):
    """Where it fails, by which library and in which words, differs."""
    changes = (
        ('[model]\nuse = "toy"', '[model]\nuse = "tfidf"'),
        ('[trainer]\nuse = "toy"', '[trainer]\nuse = "sklearn-fit"'),
    )
    command = [sys.executable, "-c", LIMITED, str(mebibytes), "run", str(toy(*changes)), "--out", "run"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "OMP_NUM_THREADS": "1"}

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert 6 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    assert f"clsfw: error: out of memory; end other programs, raise the limit of {mebibytes} MiB" in done.stderr
