"""From a CSV file to a finished study, by what `clsfw new recipe --study` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from clsfw.discovery.plugins import discover
from clsfw.studies.content import FinishedStudy
from clsfw.studies.plan import make_study
from clsfw.toml.overrides import read_overrides


@pytest.fixture
def reviews(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        f"{'a fine and warm' if i % 2 else 'a dull and cold'} film {i},{'pos' if i % 2 else 'neg'}" for i in range(80)
    ]
    Path("reviews.csv").write_text("\n".join(["text,label", *rows]) + "\n")


@pytest.mark.usefixtures("reviews")
class TestNewRecipe:
    def test_it_is_a_study_that_runs(self, cli):
        written = cli("new", "recipe", "reviews.csv", "--study")
        assert "next: clsfw study reviews.toml" in written.out

        assert 0 == cli("study", "reviews.toml", "--out", "s", "--set", "study.search.trials=2").code
        assert 2 == len(FinishedStudy.read("s").record["search"]["trials"])

    def test_an_encoder_is_searched_with_halving(self, cli):
        cli("new", "recipe", "reviews.csv", "--study", "--model", "minilm")

        study = make_study("reviews.toml", read_overrides(["model.checkpoint=."]), discover())
        assert (0.33, 0.66, 1.0) == study.search.stages
        assert ["trainer.learning_rate", "trainer.batch_size"] == list(study.search.space)

    def test_of_embeddings_the_head_is_searched(self, cli):
        cli("new", "recipe", "reviews.csv", "--study", "--model", "embed")

        study = make_study("reviews.toml", read_overrides(["model.checkpoint=."]), discover())
        assert ["trainer.C"] == list(study.search.space)

    def test_without_it_there_is_none(self, cli):
        cli("new", "recipe", "reviews.csv")

        assert "study" not in Path("reviews.toml").read_text()

    def test_it_goes_with_files_of_rows(self, cli):
        answer = cli("new", "recipe", "--from", "quickstart", "--study")

        assert 2 == answer.code
        assert "--study goes with files of rows" in answer.told
