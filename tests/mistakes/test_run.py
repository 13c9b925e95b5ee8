"""Group G: what goes wrong while a run is under way, and what a directory says that was left behind."""

from __future__ import annotations

import json

import pytest

from clsfw.store.rundir import read_run

TORCH = """\
[model]
use = "hf-distilbert"
max_length = 8
scratch = { dim = 8, hidden_dim = 8, n_layers = 1, n_heads = 1 }

[trainer]
use = "gpu-trainer"
precision = "fp32"
batch_size = 4
"""


@pytest.fixture
def torch_recipe(toy):
    """Give a function that writes a recipe for gpu-trainer, with settings of it."""

    def write(settings, *changes, use="gpu-trainer", **options):
        both = TORCH.replace("gpu-trainer", use) + settings + "\n"
        return toy(('[model]\nuse = "toy"\n\n[trainer]\nuse = "toy"\n', both), *changes, **options)

    return write


def state(run):
    return read_run(run, allow_incomplete=True)["state"]


@pytest.mark.parametrize("use", ["gpu-trainer", "hf-trainer"])
def test_104_a_loss_that_is_not_finite(use, torch_recipe, cli, monkeypatch, tmp_path):
    import torch

    real, calls = torch.nn.Linear.forward, []

    def nan_later(self, given):
        calls.append(1)
        return real(self, given) * (float("nan") if len(calls) > 60 else 1.0)

    monkeypatch.setattr(torch.nn.Linear, "forward", nan_later)
    answer = cli("run", torch_recipe("max_steps = 30\nsave_steps = 2\nlogging_steps = 1", use=use), "--out", "run")

    assert 8 == answer.code
    assert "is nan" in answer.err or "not finite" in answer.err
    assert "learning_rate" in answer.err
    assert "failed" == state(tmp_path / "run")
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))


DATA_SOURCE = """
import clsfw

@clsfw.hookimpl
def register_data_sources():
    return [clsfw.Component(name="given", summary="data", settings=clsfw.Settings, build=lambda _: Source())]

class Source:
    def load(self, reporter):
        import datasets
        features = datasets.Features({{"text": datasets.Value("string"), "label": {feature}}})
        rows = {{"text": [f"film {{n}}" for n in range(20)], "label": {labels}}}
        return datasets.Dataset.from_dict(rows, features=features)
"""
NAMED = "datasets.ClassLabel(names=['a', 'b'])"


@pytest.mark.parametrize(
    ("feature", "labels", "words"),
    [
        (NAMED, "[n % 3 for n in range(20)]", "Class label 2 greater than configured num_classes 2"),
        (NAMED, "[n % 2 - 1 for n in range(20)]", "the label of row 0 is -1, which stands for no class"),
        (NAMED, "[None if n == 3 else n % 2 for n in range(20)]", "row 3 has no label"),
        ("datasets.Value('int64')", "[n % 2 for n in range(20)]", "column 'label' must be a ClassLabel"),
    ],
    ids=["too-large", "negative", "missing", "no-names"],
)
def test_105_a_label_that_no_class_has(feature, labels, words, toy, refused, install):
    install("given", DATA_SOURCE.format(feature=feature, labels=labels))

    answer = refused(4, "run", toy(('use = "csv"\nsource = "texts.csv"', 'use = "given"')))

    assert "plugin 'given' (acme-given 1.2)" in answer.err
    assert words in answer.err


@pytest.mark.parametrize("use", ["gpu-trainer", "hf-trainer"])
def test_106_out_of_memory_with_advice(use, torch_recipe, cli, monkeypatch, tmp_path):
    import torch

    def refuse(self, given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    recipe = torch_recipe("max_steps = 3", use=use)
    monkeypatch.setattr(torch.nn.Linear, "forward", refuse)
    answer = cli("run", recipe, "--out", "run")

    assert 6 == answer.code
    assert "out of memory on cpu" in answer.err
    assert "max_length" in answer.err
    assert "failed" == state(tmp_path / "run")


def test_106_out_of_memory_elsewhere(toy, cli, tmp_path):
    answer = cli("run", toy(), "--out", "run", "--set", "trainer.raises=memory")

    assert 6 == answer.code
    assert answer.err.startswith("clsfw: error: out of memory")
    assert "failed" == state(tmp_path / "run")


def test_107_nothing_left_to_train_on(toy, refused):
    texts = "text,label\n" + " ,a\n ,b\n" * 10

    answer = refused(3, "run", toy(), "--set", "data.empty_text=drop", "--set", "data.source=empty.csv")
    assert "empty.csv" in answer.err

    answer = refused(3, "run", toy(texts=texts), "--set", "data.empty_text=drop")
    assert "all 20 texts are blank" in answer.err


@pytest.mark.parametrize("use", ["gpu-trainer", "hf-trainer"])
def test_108_fewer_rows_than_a_batch_are_trained_on(use, torch_recipe, cli):
    recipe = torch_recipe("max_steps = 2", ("batch_size = 4", "batch_size = 500"), use=use)

    assert 0 == cli("run", recipe, "--out", "run").code


@pytest.mark.parametrize("use", ["gpu-trainer", "hf-trainer"])
def test_109_a_small_share_of_an_epoch_is_one_step(use, torch_recipe, cli):
    answer = cli("check", torch_recipe("num_train_epochs = 1e-9", use=use))

    assert 0 == answer.code
    assert "1 steps, 0.33 epochs" in answer.out


def test_111_a_metric_that_fails_at_evaluation(toy, cli, install, tmp_path):
    source = """
import clsfw

@clsfw.hookimpl
def register_metrics():
    return [clsfw.Component(name="fails", summary="a metric", settings=clsfw.Settings, build=lambda _: Fails())]

class Fails:
    def compute(self, outcome):
        return {"x": 1 / 0}
"""
    file = install("fails", source)

    answer = cli("run", toy(("macro-metrics", "fails")), "--out", "run")

    assert 4 == answer.code
    words = "failed in compute of metric 'fails': ZeroDivisionError: division by zero"
    expected = f"plugin 'fails' (acme-fails 1.2) {words} ({file}:10)"
    assert expected in answer.err
    assert "failed" == state(tmp_path / "run")


class TestContinuing:
    SAME = ("--set", "trainer.stop_at=5")

    def test_112_with_other_data(self, toy, cli, interrupted, tmp_path):
        recipe = toy(texts="text,label\n" + "".join(f"a film {n},{'ab'[n % 2]}\n" for n in range(20)))

        answer = cli("run", recipe, "--out", interrupted, *self.SAME)

        assert 6 == answer.code
        assert "holds an interrupted run of something else, so it cannot be continued" in answer.err
        assert "data.train" in answer.err
        assert "--fresh, which keeps the old directory" in answer.err
        assert "interrupted" == state(interrupted)

    def test_112_with_other_settings(self, toy, cli, interrupted):
        answer = cli("run", toy(), "--out", interrupted, *self.SAME, "--set", "trainer.steps=9")

        assert 6 == answer.code
        assert "trainer.steps: 8 before, 9 now" in answer.err
        assert "reading the data" not in answer.told  # which may take long

    def test_112_in_other_surroundings(self, toy, cli, interrupted, monkeypatch):
        monkeypatch.setenv("OMP_NUM_THREADS", "7")

        answer = cli("run", toy(), "--out", interrupted, *self.SAME)

        assert 6 == answer.code
        assert "would end with other bits than it promises:" in answer.err
        assert "environment.omp_num_threads: '1' before, '7' now" in answer.err
        assert "go on nevertheless with --accept-other-bits" in answer.err

    def test_112_in_other_surroundings_that_are_accepted(self, toy, cli, interrupted, monkeypatch):
        monkeypatch.setenv("OMP_NUM_THREADS", "7")

        answer = cli("run", toy(), "--out", interrupted, "--set", "trainer.stop_at=5", "--accept-other-bits")

        assert 0 == answer.code, answer.told
        assert "the run goes on, but no longer promises its bits: env" in answer.told
        assert ["environment.omp_num_threads: '1' before, '7' now"] == read_run(interrupted)["other_bits"]
        assert "7" == read_run(interrupted)["fixed"]["environment"]["omp_num_threads"]

    def test_other_settings_are_never_accepted(self, toy, cli, interrupted, monkeypatch):
        monkeypatch.setenv("OMP_NUM_THREADS", "7")

        answer = cli("run", toy(), "--out", interrupted, *self.SAME, "--set", "trainer.steps=9", "--accept-other-bits")

        assert 6 == answer.code
        assert "trainer.steps: 8 before, 9 now" in answer.err

    def test_113_without_a_checkpoint_that_verifies(self, toy, cli, interrupted):
        found = sorted((interrupted / "checkpoints").glob("step-*/state/weights.npy"))
        assert 2 == len(found)
        for file in found:
            file.write_bytes(b"damaged")

        answer = cli("run", toy(), "--out", interrupted, *self.SAME)

        assert 6 == answer.code
        assert "every checkpoint is damaged" in answer.err
        assert found == sorted((interrupted / "checkpoints").glob("step-*/state/weights.npy"))

    def test_113_with_the_newest_one_damaged_the_one_before_is_taken(self, toy, cli, interrupted):
        newest = interrupted / "checkpoints" / "step-5" / "state" / "weights.npy"
        newest.write_bytes(b"damaged")

        answer = cli("run", toy(), "--out", interrupted, *self.SAME)

        assert 0 == answer.code
        assert "checkpoint step-5 is damaged" in answer.told
        assert "continued after step 4" in answer.told

    def test_114_a_complete_run_is_shown_and_left_as_it_is(self, toy, cli, tmp_path):
        recipe = toy()
        assert 0 == cli("run", recipe, "--out", "run").code
        before = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}

        answer = cli("run", recipe, "--out", "run")

        assert 0 == answer.code
        assert "run is complete already; --fresh runs it again and keeps the old directory" in answer.told
        after = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
        assert {file.name for file in before if before[file] != after[file]} <= {"lock"}

    def test_a_stopped_run_says_how_to_go_on_and_does_so(self, toy, cli, tmp_path):
        recipe = toy()

        first = cli("run", recipe, "--out", "run", *self.SAME)
        again = cli("run", recipe, "--out", "run", *self.SAME)

        assert (130, 0) == (first.code, again.code)
        assert "clsfw: stopped: interrupted; the same command continues this run" in first.err
        history = [json.loads(line)["step"] for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
        assert sorted(history) == history
