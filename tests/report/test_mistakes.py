from __future__ import annotations

import re

from clsfw.report.facts import Words
from clsfw.report.html import render


def test_breaks_are_breaks(report_facts):
    text = render(report_facts(texts=dict.fromkeys(range(200), "one.<br /><br />two")))
    assert ">one.\ntwo<" in text


def test_a_long_text_is_folded_and_a_short_one_stands_open(report_facts):
    assert '<details class="mistake">' in render(report_facts(texts=dict.fromkeys(range(200), "word " * 200)))
    assert '<details class="mistake">' not in render(report_facts(texts=dict.fromkeys(range(200), "word")))


def test_the_words_that_decided_are_marked_whole_and_across_punctuation(report_facts):
    facts = report_facts(texts=dict.fromkeys(range(200), "Not, good; goods & <b>"))
    facts = type(facts)(**{**vars(facts), "words": Words({}, dict.fromkeys(range(200), ("not good", "goo")))})
    text = render(facts)
    assert "<mark>Not, good</mark>; goods &amp; &lt;b&gt;" in text
    assert "Marked are the words" in text


def test_words_of_each_class_are_a_section_where_they_are_known(report_facts):
    facts = report_facts()
    assert 'id="words"' not in render(facts)
    facts = type(facts)(**{**vars(facts), "words": Words({"negative": ["bad", "worse"]})})
    assert re.search(r'<section id="words".*bad, worse', render(facts), re.DOTALL)


def test_a_run_without_mistakes_says_so(report_facts):
    facts = report_facts()
    facts.metrics["mistakes"]["test"] = []
    assert "There are no mistakes: all 200 test texts are right." in render(facts)
