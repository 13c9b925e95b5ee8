"""What the server says is what `predict` says, in the shape that clients of the hub read."""

from __future__ import annotations

import re

import numpy as np
import pytest
from huggingface_hub import InferenceClient
from support.serving import serving

import clsfw
from clsfw.evidence.finished import FinishedRun

TEXTS = ["a fine and lovely film", "dull", "", "the great plot was weak", "a\u0000b \ud800 ü 漢", "poor " * 500]


@pytest.fixture(autouse=True)
def _online(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


def test_scores_are_those_of_predict(server, words):
    body = b'{"inputs": ["a\\u0000b \\ud800 \\u00fc", "fine"]}'  # a lone surrogate, as JSON can write it
    odd = server.client.post("/predict", content=body, headers={"Content-Type": "application/json"}).json()
    expected = words(["a\u0000b \ud800 ü", "fine"])

    assert [one["scores"] for one in expected] == [{c["label"]: c["score"] for c in classes} for classes in odd]


def test_the_decided_label_comes_first_even_against_the_likelier_one(server, words):
    texts = [f"{one} {other} film {i}" for i in range(5) for one in ("fine", "great") for other in ("dull", "weak")]
    texts += [f"{word} the plot {i}" for i in range(5) for word in ("dull", "poor", "weak", "fine")]
    said = [classes[0]["label"] for classes in server.predict(texts).json()]
    likeliest = [words.labels.names[i] for i in words.predict(texts).probabilities.argmax(axis=1)]

    assert [answer["label"] for answer in words(texts)] == said
    assert said != likeliest


@pytest.mark.parametrize(
    "inputs", ["fine", ["fine"], [["fine"]], ["fine", "dull awful poor"], [["fine"], "dull awful poor"]]
)
def test_one_text_or_several_give_a_list_for_each(server, inputs):
    answer = server.predict(inputs).json()

    assert [["kind", "unkind"], ["unkind", "kind"]][: len(answer)] == [[c["label"] for c in row] for row in answer]
    assert (1 if inputs == "fine" else len(inputs)) == len(answer)


def test_with_several_labels_those_from_the_threshold_on_come_first(several_run):
    classifier = clsfw.load(several_run)
    texts = ["fine music and the film", "dull film", "plot", "music dull fine"]
    with serving(classifier) as served:
        answers = served.predict(texts).json()
        threshold = served.client.get("/info").json()["threshold"]

    chosen = [{c["label"] for c in classes if c["score"] >= threshold} for classes in answers]
    assert [set(one["labels"]) for one in classifier(texts)] == chosen
    for classes in answers:
        assert sorted((c["score"] for c in classes), reverse=True) == [c["score"] for c in classes]


@pytest.mark.parametrize("path", ["", "/predict"])
def test_the_client_of_the_hub_reads_it(server, words, path):
    given = InferenceClient(server.base + path).text_classification("a lovely film")

    answer = words("a lovely film")
    assert answer["label"] == given[0].label
    assert answer["scores"] == {one.label: one.score for one in given}


def test_the_client_of_the_hub_may_ask_for_the_first_class_alone(server):
    given = InferenceClient(server.base).text_classification("lovely", top_k=1, function_to_apply="softmax")

    assert ["kind"] == [one.label for one in given]


def test_explain_names_the_words_of_the_decided_class(server, words):
    answer = server.client.post("/explain", json={"inputs": "a lovely and superb film"}).json()[0]

    assert answer[0]["label"] == "kind"
    assert {"lovely", "superb"} <= set(answer[0]["words"])
    assert [] == answer[1]["words"]
    assert words("a lovely and superb film")["score"] == answer[0]["score"]


def test_info_tells_the_run_its_labels_and_its_scores_with_limits(server, word_run):
    info, run = server.client.get("/info").json(), FinishedRun.read(word_run)

    assert (run.record["name"], run.record["manifest"]) == (info["model_id"], info["model_sha"])
    assert {"0": "kind", "1": "unkind"} == info["model_type"]["classifier"]["id2label"]
    assert run.metrics["decision"] == {name: info[name] for name in ("temperature", "threshold")}
    assert run.scores == {name: score["value"] for name, score in info["scores"].items()}
    assert run.metrics["intervals"]["test"]["accuracy"] == info["scores"]["accuracy"]["interval"]


def test_info_holds_no_place_of_this_machine(server, word_run):
    assert str(word_run.parent) not in server.client.get("/info").text


def test_health_says_ok(server):
    assert (200, {"status": "ok"}) == ((got := server.client.get("/health")).status_code, got.json())


def test_metrics_count_requests_and_texts(server):
    before = server.metric("clsfw_batch_texts_sum")
    server.predict(["one", "two", "three"])

    assert before + 3 == server.metric("clsfw_batch_texts_sum")
    assert server.metric('clsfw_requests_total{path="/predict",status="200"}') >= 1
    assert server.metric("process_resident_memory_bytes") > 1e6


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_loads_nothing_from_elsewhere(server, path):
    page = server.client.get(path)

    assert [] == re.findall(r"(?:src|href|url|import)\s*[=(]\s*[\"']?(?:https?:)?//", page.text)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_docs_show_every_path_of_the_document(server):
    document, page = server.client.get("/openapi.json").json(), server.client.get("/docs").text

    assert {"/predict", "/explain", "/health", "/info", "/metrics"} == set(document["paths"])
    for path in document["paths"]:
        assert f" {path}</code>" in page


def test_probabilities_do_not_depend_on_the_texts_beside(server, words):
    alone = [server.predict(text).json()[0] for text in TEXTS[:4]]
    together = server.predict(TEXTS[:4]).json()

    assert [[c["label"] for c in one] for one in alone] == [[c["label"] for c in one] for one in together]
    for one, other in zip(alone, together, strict=True):
        assert np.allclose([c["score"] for c in one], [c["score"] for c in other], atol=1e-6)
