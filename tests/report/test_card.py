from __future__ import annotations

import pytest
import yaml
from support.runs import write_run

from clsfw.report.card import card

HOSTILE = "---\nmodel-index: evil\n`a` | [x](http://y) <b> *b* _c_ \x1b[2J $x$ &amp; # h"


def parts(text):
    _, front, body = text.split("---\n", 2)
    return yaml.safe_load(front), body


def test_the_front_matter_is_what_the_hub_reads(report_facts):
    facts = report_facts(scores={"test": {"accuracy": 0.9, "f1": 0.89, "my_score": 1.0}})
    front, _ = parts(card(facts))
    assert front["library_name"] == "transformers"
    assert front["pipeline_tag"] == "text-classification"
    assert front["metrics"] == ["accuracy", "f1"]
    result = front["model-index"][0]["results"][0]
    assert result["task"] == {"type": "text-classification", "name": "Text Classification"}
    assert result["dataset"] == {"type": "imdb-csv", "name": "imdb-csv", "split": "test"}
    assert [(m["type"], m["value"]) for m in result["metrics"]] == [("accuracy", 0.9), ("f1", 0.89)]


def test_the_hubs_own_library_reads_the_results(report_facts):
    from huggingface_hub import ModelCard

    data = ModelCard(card(report_facts(scores={"test": {"accuracy": 0.9}}))).data
    assert data.eval_results[0].metric_type == "accuracy"
    assert data.eval_results[0].metric_value == 0.9
    assert data.model_name == "a run"


def test_a_checkpoint_of_the_hub_is_named_and_a_local_one_is_not(report_facts):
    def front(checkpoint):
        recipe = {"model": {"use": "hf-encoder", "checkpoint": checkpoint}, "data": {"use": "csv"}}
        return parts(card(report_facts(record={"fixed": {"recipe": recipe}})))[0]

    assert front("distilbert/distilbert-base-uncased")["base_model"] == "distilbert/distilbert-base-uncased"
    for local in ("../models/mine", "/home/somebody/model", "~/model", "models/mine/deep", "./models/mine"):
        assert "base_model" not in front(local)


@pytest.mark.parametrize("multi_label", [False, True])
def test_hostile_names_change_neither_front_matter_nor_layout(report_facts, multi_label):
    names = (HOSTILE, "b", "c")
    record = {
        "name": HOSTILE,
        "verdict": {"status": "REPRODUCED", "source": HOSTILE, "checks": []},
        "fixed": {"recipe": {"data": {"use": HOSTILE}, "model": {"use": HOSTILE}}},
    }
    facts = report_facts(names=names, multi_label=multi_label, record=record)
    front, body = parts(card(facts))
    plain, plain_body = parts(card(report_facts(names=("a", "b", "c"), multi_label=multi_label)))
    assert set(front) == set(plain)
    lines = [line for line in body.splitlines() if line.startswith("|")]
    assert [line.replace("\\|", "").count("|") for line in lines] == [
        line.count("|") for line in plain_body.splitlines() if line.startswith("|")
    ]
    assert "\x1b" not in body
    assert "<b>" not in body
    assert "\n---" not in body


def test_limits_are_told(report_facts):
    body = card(report_facts())
    assert "of the test texts are longer than the model reads" in body
    assert "Expected calibration error" in body


def test_a_test_that_was_seen_whole_is_told(report_facts):
    facts = report_facts()
    facts.metrics["leaks"]["test_without_leaks"] |= {"leaked_rows": 200, "rows": 0, "scores": None}
    assert "- **EVERY test row also occurs in training or validation" in card(facts)


def test_many_classes_are_cut_short(report_facts):
    body = card(report_facts(names=tuple(f"intent {i}" for i in range(77))))
    assert "and 57 more classes; metrics.json has all of them." in body


def test_code_of_another_library_is_not_shown_for_scikit_learn(report_facts):
    body = card(report_facts(library="clsfw"))
    assert "transformers" not in body
    assert 'clsfw.load(".")' in body


def test_several_labels_are_asked_for_all_at_once(report_facts):
    assert "top_k=None" in card(report_facts(names=("a", "b", "c"), multi_label=True))


def test_a_folder_with_a_configuration_is_loaded_by_transformers(tmp_path):
    from clsfw.report.facts import read_facts

    run = write_run(tmp_path / "run", [0, 1], [0, 1])
    assert read_facts(run).library == "clsfw"
    (run / "model" / "config.json").write_text("{}")
    assert read_facts(run).library == "transformers"


def test_the_card_of_a_model_folder_stands_alone(report_facts):
    body = parts(card(report_facts(library="transformers"), alone=True))[1]
    ours = parts(card(report_facts(library="clsfw"), alone=True))[1]
    many = parts(card(report_facts(names=tuple(f"intent {i}" for i in range(77))), alone=True))[1]

    assert 'model="."' in body
    assert "This is the folder `model` of a run directory" in ours
    assert "and 57 more classes." in many
    assert [] == [text for text in (body, ours, many) if 'model="model"' in text or "metrics.json" in text]
