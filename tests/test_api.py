"""What a script or a notebook gets."""

from __future__ import annotations

import typing
import webbrowser

import pytest

import clsfw
from clsfw import api


def test_a_run_is_one_line(baseline):
    shown = repr(baseline)
    assert shown.startswith("<FinishedRun quickstart: test ")
    assert f"accuracy {baseline.metrics['test']['accuracy']:.4f}" in shown
    assert "\n" not in shown


def test_a_run_has_the_scores_of_the_judged_split(baseline):
    assert baseline.scores == baseline.metrics["test"]


def test_a_run_lists_its_surest_mistakes(baseline):
    assert baseline.mistakes() == baseline.metrics["mistakes"]["test"]


def test_the_card_of_a_run_has_verdict_headline_and_a_bar_for_each_score(baseline):
    card = baseline._repr_html_()
    assert "NOT COMPARABLE" in card
    assert "test texts are right" in card
    assert card.count("<tr>") == len(baseline.scores)
    assert "<script" not in card


def test_predictions_are_a_table_of_pandas(baseline):
    table = baseline.predictions.to_pandas()
    assert len(table) == baseline.metrics["rows"]["test"]
    assert table["right"].mean() == pytest.approx(baseline.scores["accuracy"])
    assert list(table.columns[:5]) == ["row", "gold", "predicted", "right", "score"]


def test_cells_of_several_labels_are_lists(topics):
    table = topics.predictions.to_pandas()
    assert isinstance(table["gold"][0], list)
    assert "score" not in table.columns


def test_the_classifier_of_a_run_is_one_line_and_answers(baseline):
    classifier = baseline.classifier()
    assert repr(classifier).startswith("<LoadedClassifier quickstart: tfidf, labels NEGATIVE, POSITIVE; ")
    assert classifier("a fine film")["label"] in classifier.labels.names


def test_show_opens_the_report(baseline, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    baseline.show()
    assert opened == [(baseline.directory / "report.html").absolute().as_uri()]


def test_another_display_is_refused():
    with pytest.raises(clsfw.UsageError, match="display must be 'auto' or 'none', not 'loud'"):
        clsfw.run("quickstart", display="loud")


def test_progress_goes_to_standard_error_unless_it_is_switched_off(baseline, capsys, tmp_path):
    overrides = {"model.use": "tfidf", "trainer.use": "sklearn-fit", "trainer.C": 1.0}
    clsfw.run("quickstart", overrides=overrides, out=tmp_path / "a")
    told = capsys.readouterr()
    assert "reading the data" in told.err
    assert told.out == ""
    clsfw.run("quickstart", overrides=overrides, out=tmp_path / "b", display="none")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["FinishedRun", "FinishedStudy", "LoadedClassifier", "Comparison", "StudyComparison"])
def test_what_the_functions_return_is_public(name):
    assert name in clsfw.__all__
    assert getattr(clsfw, name).__name__ == name


def test_the_functions_say_what_they_return():
    hints = {
        name: typing.get_type_hints(getattr(api, name), vars(clsfw), _names())["return"]
        for name in ("run", "study", "load", "compare")
    }
    assert hints == {
        "run": clsfw.FinishedRun,
        "study": clsfw.FinishedStudy,
        "load": clsfw.LoadedClassifier,
        "compare": clsfw.Comparison | clsfw.StudyComparison,
    }


def _names():
    from collections.abc import Mapping
    from pathlib import Path

    names = {
        name: getattr(clsfw, name)
        for name in ("FinishedRun", "FinishedStudy", "LoadedClassifier", "Comparison", "StudyComparison")
    }
    return {**names, "Mapping": Mapping, "Path": Path, "Any": typing.Any, "Literal": typing.Literal}


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'clsfw' has no attribute 'runs'"):
        _ = clsfw.runs
