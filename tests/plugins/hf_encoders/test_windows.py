"""`[model.windows]`: the windows that transformers itself makes, saved runs, artifacts, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from support.reporting import Remembering
from transformers import AutoTokenizer

import clsfw
from clsfw import ModelError, RecipeError
from clsfw.cli import main
from clsfw.testing import model_checks
from clsfw.testing.kit import Check
from clsfw.testing.subject import Subject
from clsfw_gpu_trainer import GpuTrainerSettings
from clsfw_gpu_trainer.trainer import GpuTrainer
from clsfw_hf_encoders import HfDistilbert, register_models
from clsfw_hf_encoders.model import HfModel
from clsfw_hf_trainer import HfTrainerSettings
from clsfw_hf_trainer.trainer import HfTrainer
from clsfw_runtime.capture import capture, write_tokenization
from clsfw_runtime.predictor import TokenPredictor

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = ["a fine film", " ".join(["a lovely cast and a great score"] * 12), "a dull plot, poor and slow: " * 5, ""]


@pytest.mark.parametrize("family", ["distilbert", "roberta"])
@pytest.mark.parametrize("stride", [0, 7])
def test_windows_are_those_of_transformers(checkpoint: Any, create: Any, family: str, stride: int) -> None:
    windows = {"stride": stride, "pool": "mean"}
    classifier = create(checkpoint(family), encoder=True, windows=windows)
    stock = AutoTokenizer.from_pretrained(checkpoint(family))
    expected = stock(TEXTS, truncation=True, max_length=32, stride=stride, return_overflowing_tokens=True)

    given, counts = classifier.windows.split(classifier.tokenize(TEXTS).ids)

    assert given == expected["input_ids"]
    assert counts.tolist() == np.bincount(expected["overflow_to_sample_mapping"]).tolist()


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_both_trainers_predict_alike_and_read_whole_texts(checkpoint: Any, create: Any, pool: str) -> None:
    classifier = create(checkpoint(), windows={"stride": 8, "pool": pool})
    gpu = GpuTrainer(GpuTrainerSettings(device="cpu", precision="fp32")).predict(classifier, TEXTS, Remembering())
    stock = HfTrainer(HfTrainerSettings(device="cpu")).predict(classifier, TEXTS, Remembering())

    np.testing.assert_allclose(gpu.probabilities, stock.probabilities, atol=1e-5)
    assert gpu.tokens.max() > 80
    assert not np.concatenate([gpu.truncated, stock.truncated]).any()


RECIPE = """
schema = 1
name = "windows"
seed = 3

[data]
use = "csv"
source = "rows.csv"

[split]
method = "in-order"
train = 24
test = 8

[model]
use = "hf-distilbert"
checkpoint = "./distilbert"
max_length = 16
dropout = 0.0
attention_dropout = 0.0
seq_classif_dropout = 0.0

[model.windows]
stride = 4
pool = "max"

[trainer]
use = "gpu-trainer"
max_steps = 3
batch_size = 8
learning_rate = 1e-3
device = "cpu"
precision = "fp32"

[[metrics]]
use = "macro-metrics"
"""


@pytest.fixture(scope="module")
def folder(checkpoint: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("windows")
    (path / "distilbert").symlink_to(checkpoint())
    rows = [
        f"{'a fine film with a dull plot ' * (1 + i % 4)} {i},{'NEGATIVE' if i % 2 else 'POSITIVE'}" for i in range(32)
    ]
    (path / "rows.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    (path / "recipe.toml").write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def run(folder: Path) -> Any:
    return clsfw.run(folder / "recipe.toml", out=folder / "gpu-trainer", display="none")


def test_a_run_keeps_its_windows_and_cuts_nothing(run: Any) -> None:
    again = clsfw.load(run.directory).predict([TEXTS[1]])

    assert not again.truncated.any()
    assert again.tokens[0] > 80
    assert not run.predictions.truncated.any()


def test_the_two_trainers_train_alike(run: Any, folder: Path) -> None:
    overrides = {"trainer.use": "hf-trainer"}
    stock = clsfw.run(folder / "recipe.toml", out=folder / "stock", overrides=overrides, display="none")

    np.testing.assert_allclose(stock.predictions.probabilities, run.predictions.probabilities, atol=1e-5)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_an_artifact_carries_the_windows(checkpoint: Any, create: Any, tmp_path: Path, pool: str) -> None:
    classifier = create(checkpoint(), windows={"stride": 8, "pool": pool})
    write_tokenization(classifier, tmp_path, TEXTS)

    def logits(ids: Any, mask: Any) -> Any:
        with torch.no_grad():
            return classifier.module.inner(torch.from_numpy(ids), torch.from_numpy(mask)).logits.numpy()

    given = TokenPredictor(tmp_path, classifier.labels, logits).predict(TEXTS, Remembering())

    own = HfTrainer(HfTrainerSettings(device="cpu")).predict(classifier, TEXTS, Remembering())
    np.testing.assert_allclose(given.probabilities, own.probabilities, atol=1e-5)
    assert (given.tokens.tolist(), given.truncated.any()) == (own.tokens.tolist(), False)


@pytest.mark.slow
def test_the_graph_of_an_artifact_is_that_of_one_window(checkpoint: Any, create: Any) -> None:
    program = capture(create(checkpoint(), windows={"stride": 8}))

    assert not any("inner" in name for name in program.state_dict)


def test_the_check_counts_the_texts_that_get_several_windows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check", str(folder / "recipe.toml")])

    words = "of 24 training texts, 18 are longer than 16 tokens and will be read in several windows"
    assert (code, words in " ".join(capsys.readouterr().out.split())) == (0, True)


@pytest.mark.parametrize(
    ("changes", "place", "words"),
    [
        ({"model.windows.stride": 16}, "model.windows.stride", "16 is not less than max_length = 16"),
        ({"model.use": "hf-decoder"}, "model.windows", "windows are for encoders"),
    ],
)
def test_windows_that_cannot_be(folder: Path, changes: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as refused:
        clsfw.run(folder / "recipe.toml", out=folder / "refused", overrides=changes, display="none")

    assert place in str(refused.value)


def test_a_stride_that_leaves_no_new_token(checkpoint: Any, create: Any) -> None:
    with pytest.raises(ModelError, match=r"stride = 31: .* of max_length = 32 has no new token; lower stride to 29"):
        create(checkpoint(), windows={"stride": 31})


def test_a_window_longer_than_the_model(checkpoint: Any, create: Any) -> None:
    with pytest.raises(ModelError, match="takes 32 tokens at most; lower max_length = 40 to 32"):
        create(checkpoint(), max_length=40, windows={"stride": 8})


@pytest.mark.parametrize("check", [model_checks.tokenizes_as_torch_trainers_need, model_checks.works_offline])
def test_it_keeps_what_a_torch_model_promises(checkpoint: Any, check: Any) -> None:
    values = {"checkpoint": str(checkpoint()), "max_length": 32, "windows": {"stride": 8}}
    component = next(found for found in register_models() if found.name == "hf-distilbert")

    Check(Subject("model", component, values), check)()


def test_data_with_pairs_is_refused_before_training(folder: Path) -> None:
    pairs = {"data.text_column": "text", "data.text_pair_column": "other"}
    (folder / "pairs.csv").write_text(
        (folder / "rows.csv").read_text().replace(",", ",a film,").replace("text,a film,label", "text,other,label")
    )

    with pytest.raises(RecipeError, match=r"'hf-distilbert' does not take pairs .* change it or its settings"):
        clsfw.run(
            folder / "recipe.toml",
            out=folder / "pairs",
            overrides={"data.source": str(folder / "pairs.csv"), **pairs},
            display="none",
        )


def test_pairs_of_texts_are_refused(checkpoint: Any, create: Any) -> None:
    with pytest.raises(ModelError, match=r"\[model.windows\] is for single texts"):
        create(checkpoint(), windows={"stride": 8}).tokenize([("a fine", "film")])


def test_what_is_saved_is_the_model_of_one_window(checkpoint: Any, create: Any, tmp_path: Path) -> None:
    settings = {"stride": 8, "pool": "mean"}
    create(checkpoint(), windows=settings).save(tmp_path)
    loaded = HfModel(HfDistilbert(checkpoint=str(checkpoint()), max_length=32, windows=settings)).load(tmp_path)

    own = create(checkpoint()).module.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in loaded.module.inner.state_dict().items())
