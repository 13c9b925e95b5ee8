"""The baseline recipe on real reviews."""

from __future__ import annotations

import pytest

import clsfw


@pytest.mark.thorough
def test_the_baseline_reaches_on_real_reviews_what_its_family_does(root, shared, tmp_path):
    source = shared / "data" / "movie_reviews.csv.bz2"
    run = clsfw.run(root / "recipes" / "imdb_tfidf.toml", overrides={"data.source": str(source)}, out=tmp_path / "run")

    assert run.metrics["test"]["accuracy"] > 0.88
    assert {"NEGATIVE": 5125, "POSITIVE": 4875} == run.record["data"]["splits"]["test"]["labels"]
    assert not run.predictions.truncated.any()
