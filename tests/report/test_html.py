from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from clsfw.evidence.verdict import judge
from clsfw.recipe.schema import Expect
from clsfw.report.html import render
from clsfw.report.pages import DOCS

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;</style></textarea>\x1b[2J\u202e"
VOID = {"meta", "br", "path", "use", "line", "circle", "rect"}
NOTHING = {"recipe": {}, "environment": {}, "plugins": {}, "data": {}}
SHAPES = {
    "two classes": {},
    "77 classes": {"names": tuple(f"intent {i}" for i in range(77))},
    "200 classes": {"names": tuple(f"class {i}" for i in range(200)), "sizes": {"train": 300, "test": 600}},
    "several labels": {"names": ("a", "b", "c"), "multi_label": True},
    "no validation": {"sizes": {"train": 20, "test": 50}, "history": []},
    "no test": {"sizes": {"train": 20, "validation": 50}, "predicted": ("validation",)},
    "train alone": {"sizes": {"train": 30}, "predicted": ("train",), "history": []},
    "one row": {"sizes": {"train": 5, "test": 1}},
    "nothing known": {
        "record": {"fixed": NOTHING, "data": {}, "model": {}, "training": {}},
        "history": [],
        "recipe": "",
    },
}


class Page(HTMLParser):
    """Collects what a browser would act on, and sees that elements nest."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.open, self.text = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def pages():
    """Keep rendered pages: two tests look at the same ones, and drawing takes its time."""
    return {}


@pytest.fixture
def page_of(report_facts, pages):
    """Render a shape of run once."""

    def page(shape):
        if shape not in pages:
            pages[shape] = render(report_facts(**SHAPES[shape]))
        return pages[shape]

    return page


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_run_gives_a_page_that_nests(page_of, shape):
    page = Page(page_of(shape))
    assert page.open == []
    links = [value for name, value in page.attributes if name == "href"]
    assert page.tags.count("section") >= 8  # two classes, no slices, no words
    inside = {link for link in links if not link.startswith(f"{DOCS}/")}
    assert inside <= {f"#{value}" for name, value in page.attributes if name == "id"}


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_fetched_and_nothing_runs(page_of, shape):
    text = page_of(shape)
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in {"src", "action"}]
    links = [value for name, value in page.attributes if name in {"href", "xlink:href"}]
    assert all(link.startswith(("#", f"{DOCS}/")) for link in links)  # a page that is read when it is asked for
    assert re.findall(r"url\((?!#)", text) == []
    assert "@import" not in text


def test_the_headline_is_a_confidence_interval_of_the_accuracy_of_all_such_texts(report_facts):
    facts = report_facts()
    low, high = (f"{100 * edge:.1f}" for edge in facts.limits["accuracy"])
    words = "".join(Page(render(facts)).text).replace("\N{NO-BREAK SPACE}", " ")
    assert f"is likely between {low} % and {high} % (95 % confidence interval)" in words


def test_macro_averages_are_called_so(report_facts):
    assert "macro F1" in render(report_facts()).partition('id="classes"')[0]


def test_a_run_without_a_published_result_has_no_box_for_it(report_facts):
    assert "published" not in render(report_facts()).partition("<main>")[0]


def test_the_header_says_when_how_long_by_which_version_and_where(report_facts):
    record = {"started": "2026-01-02T03:04:05+00:00"}
    facts = report_facts(record=record)
    facts.record["fixed"]["environment"]["versions"]["clsfw"] = "9.9"
    facts.timings["total_seconds"] = 83.0
    assert "2026-01-02 03:04 UTC · took 1:23 min · clsfw 9.9 · on cpu" in render(facts)


def test_one_part_alone_is_left_out(report_facts):
    facts = report_facts()
    assert 'id="parts"' in render(facts)
    facts.metrics["slices"]["test"] = {"tokens": facts.metrics["slices"]["test"]["tokens"][:1]}
    assert 'id="parts"' not in render(facts)


def test_names_of_several_levels_have_scores_for_each_level(report_facts):
    text = render(report_facts(names=("a/x", "a/y", "b/x", "b/y")))
    assert "By level of the names" in text
    assert "Level 1" in text


def test_the_class_table_has_the_texts_of_each_split(report_facts):
    splits = {"train": {"rows": 60, "labels": {"negative": 31}, "sha256": ""}}
    assert ">train texts</th>" in render(report_facts(record={"data": {"splits": splits}}))


def test_the_policy_forbids_all_but_inline_style(report_facts):
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in Page(render(report_facts())).attributes


def test_the_same_facts_give_the_same_bytes(report_facts):
    assert render(report_facts()) == render(report_facts())


def test_ids_are_unique(report_facts):
    ids = [value for name, value in Page(render(report_facts())).attributes if name == "id"]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("multi_label", [False, True])
def test_hostile_content_is_shown_as_text(report_facts, multi_label):
    verdict = {"status": "NOT REPRODUCED", "source": HOSTILE, "misses": [HOSTILE], "checks": [], "reasons": []}
    verdict["confusion_matrices"] = {}
    harmless = report_facts(names=("a", "b", "c"), multi_label=multi_label, texts=dict.fromkeys(range(200), "x"))
    expected = Page(render(harmless))
    facts = report_facts(
        names=(HOSTILE, HOSTILE + "2", "$x^2$"),
        multi_label=multi_label,
        recipe=HOSTILE,
        record={"name": HOSTILE, "verdict": verdict, "warnings": [HOSTILE], "differences": [HOSTILE]},
        texts=dict.fromkeys(range(200), HOSTILE),
    )
    text = render(facts)
    page = Page(text)
    assert not (set(page.tags) - set(expected.tags) - {"h3", "ul", "li"})
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert any("<script>alert(1)</script>" in words for words in page.text)


def judged(accuracy, differences=()):
    expect = Expect.model_validate(
        {
            "source": "a notebook",
            "test": {"accuracy": {"value": 0.8, "tolerance": 0.05}, "confusion_matrix": ((80, 20), (21, 79))},
            "history": {"steps": (20,), "f1": (0.7,), "tolerance": 0.01},
        }
    )
    metrics = {"test": {"accuracy": accuracy}, "confusion_matrix": {}}
    return judge(expect, metrics, [{"step": 20, "split": "validation", "f1": 0.7}], differences)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (judged(0.81), "The run meets all 2 published numbers within the stated tolerance."),
        (judged(0.7), "1 of 2 published numbers were missed:"),
        (judged(0.8, ["trainer.max_steps"]), "This run is not the recipe's own"),
    ],
)
def test_the_verdict_stands_at_the_top(report_facts, verdict, words):
    page = Page(render(report_facts(scores={"test": {"accuracy": 0.81}}, record={"verdict": verdict.to_json()})))
    assert verdict.status in page.text
    assert any(words in text for text in page.text)
    assert page.text.index(verdict.status) < page.text.index("Scores")


def test_published_counts_stand_beside_the_own(report_facts):
    text = render(report_facts(record={"verdict": judged(0.81).to_json()}))
    assert re.search(r"<td>\d+ \(80\)</td>", text)


def test_scores_show_their_limits_and_the_published_value(report_facts):
    facts = report_facts(
        scores={"test": {"recall": 0.81234, "accuracy": 0.7}}, record={"verdict": judged(0.7).to_json()}
    )
    low, high = facts.metrics["intervals"]["test"]["macro_accuracy"]
    assert low < high
    text = render(facts)
    assert "0.8123" in text
    assert "-0.1000, missed" in text


def test_facts_of_the_training_are_rounded(report_facts):
    text = render(report_facts(record={"training": {"epochs": 12.631578947368421}}))
    assert "<td>12.6316</td>" in text


def test_texts_of_mistakes_are_shown_and_cut_when_endless(report_facts):
    text = render(report_facts(texts=dict.fromkeys(range(200), "x" * 5000)))
    assert "x" * 1500 + " …" in text
    assert "x" * 1501 not in text


def test_leaks_show_both_scores(report_facts):
    facts = report_facts()
    facts.metrics["leaks"]["test_without_leaks"]["leaked_rows"] = 28
    text = render(facts)
    assert "Scores without the 28 test texts that were seen before:" in text
    facts.metrics["leaks"]["test_without_leaks"]["leaked_rows"] = 1
    assert "Scores without the 1 test text that was seen before:" in render(facts)


def test_nothing_leaked_is_one_sentence(report_facts):
    facts = report_facts()
    text = render(facts)
    assert "No test text is in training or validation" in text
    assert "texts that are also in" not in text


def test_a_leak_stands_above_the_scores_and_a_whole_one_voids_them(report_facts):
    facts = report_facts()
    without = facts.metrics["leaks"]["test_without_leaks"]
    without |= {"leaked_rows": 28, "rows": 172}
    assert "28 of 200 test rows (14.0%) also occur in training or validation" in render(facts).partition("<main>")[0]
    without |= {"leaked_rows": 200, "rows": 0, "scores": None}
    header = render(facts).partition("<main>")[0]
    assert "These scores say nothing" in header
    assert "EVERY test row also occurs in training or validation (200 of 200)" in header


def test_what_training_did_wrong_stands_above_the_scores(report_facts):
    history = [{"step": i, "split": "validation", "loss": loss} for i, loss in ((10, 0.5), (20, 0.6), (30, 0.8))]
    header = render(report_facts(history=history)).partition("<main>")[0]
    assert "past that it overfits. <em>Train for about 10 steps</em>." in header


def test_a_model_fitted_in_one_step_has_no_curves_but_its_scores(report_facts):
    line = {"step": 1, "split": "validation", "loss": 0.3, "f1": 0.87654}
    text = render(report_facts(history=[{"step": 1, "loss": 0.1}, line]))
    assert "The model was fitted in one step. On the validation split: loss 0.3000, f1 0.8765." in text
    assert 'aria-label="Training and validation loss by step"' not in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"load_best_model_at_end": True}, "Step 20 was the best on the validation split; the model has its weights."),
        ({"load_best_model_at_end": False}, "; the model has the weights of the last step."),
        ({}, "Step 20 was the best on the validation split."),
    ],
)
def test_it_says_whose_weights_the_model_has(report_facts, settings, words):
    record = {"training": {"best_step": 20}, "fixed": {**NOTHING, "recipe": {"trainer": settings}}}
    assert any(text.endswith(words) for text in Page(render(report_facts(record=record))).text)


def test_a_perfect_score_is_told_with_wilsons_limits(report_facts):
    facts = report_facts(sizes={"train": 5, "test": 1})
    text = render(facts)
    assert "between 20.7" in text or "between 0.0" in text
    assert "an accuracy of 0 or 1 has Wilson" in text
