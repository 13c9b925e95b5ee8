from __future__ import annotations

import json
import random

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

import clsfw_sklearn.counting as counting_module
from clsfw import Labels
from clsfw.contract.component import validate
from clsfw.discovery.plugins import discover
from clsfw_sklearn import TfidfSettings, build_model
from clsfw_sklearn.counted import CHOOSING, Counted, Memory
from clsfw_sklearn.counting import Counter
from clsfw_sklearn.words import Words

LABELS = Labels(("negative", "positive"))
SHAPING = {
    "analyzer": "word",
    "lowercase": True,
    "ngram_range": (1, 1),
    "stop_words": None,
    "strip_accents": None,
}
WORDS = ["the", "film", "was", "Good", "bad", "naïve", "İstanbul", "plot", "\U0001f600", "x\0y", "état", "2nd", "I"]


def texts(count=60, seed=1):
    rng = random.Random(seed)
    return ["", *(" ".join(rng.choices(WORDS, k=rng.randrange(300 if n == 5 else 9))) for n in range(count))]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ngram_range": [1, 3]},
        {"ngram_range": [2, 2], "min_df": 3, "sublinear_tf": True},
        {"min_df": 0.2},
        {"max_df": 0.4, "norm": "l1"},
        {"max_df": 20, "norm": None},
        {"max_features": 7, "ngram_range": [1, 2]},
        {"max_features": 60, "ngram_range": [1, 3], "binary": True},
        {"max_features": 10_000},
        {"binary": True, "min_df": 2},
        {"lowercase": False},
        {"stop_words": "english", "max_features": 2},
        {"strip_accents": "unicode"},
        {"strip_accents": "ascii", "ngram_range": [1, 2]},
        {"analyzer": "char", "ngram_range": [1, 3], "max_df": 0.5},
        {"analyzer": "char_wb", "ngram_range": [2, 4], "min_df": 2},
    ],
)
def test_terms_and_bits_are_those_of_the_library(options, notes, tmp_path):
    memory = Memory()
    whole = {name: options[name] for name in SHAPING if name in options}
    build_model(validate(TfidfSettings, whole), memory).create(LABELS, texts(), 1, notes)
    settings = validate(TfidfSettings, options)
    classifier = build_model(settings, memory).create(LABELS, texts(), 1, notes)
    library = TfidfVectorizer(**settings.vectorizer_options(), dtype=np.float64).fit(texts())
    classifier.save(tmp_path)
    terms = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))

    assert library.get_feature_names_out().tolist() == terms
    assert library.idf_.tobytes() == load_file(tmp_path / "model.safetensors")["idf"].tobytes()
    for given in (texts(), texts(seed=2), texts(300, seed=3)):  # the first ones come with the vocabulary
        assert library.transform(given).toarray().tobytes() == classifier.features(given).toarray().tobytes()


@pytest.mark.parametrize("lowercase", [True, False])
def test_each_letter_parts_words_or_belongs_to_one_as_in_the_library(lowercase):
    given = [f"ab{chr(i)}cd {chr(i)} {chr(i)}E" for i in range(0x530)]
    options = {**SHAPING, "lowercase": lowercase, "ngram_range": (1, 2)}
    library = CountVectorizer(**options)
    counts = library.fit_transform(given)
    terms = library.get_feature_names_out().tolist()
    found = Counted.of(given, options)
    again, lengths = Counter(terms, Words(options)).count(given)

    assert terms == found.terms.names(np.arange(len(terms)))
    assert 0 == abs(counts - found.counts).nnz == abs(counts - again).nnz
    assert [len(library.build_tokenizer()(text)) for text in given] == lengths.tolist()


@pytest.mark.parametrize(("limit", "value"), [("_TEXTS", 7), ("_LETTERS", 40)])
def test_how_many_texts_are_counted_at_a_time_changes_nothing(limit, value, monkeypatch):
    options = {**SHAPING, "ngram_range": (1, 2)}
    whole = Counted.of(texts(), options)
    terms = whole.terms.names(np.arange(whole.counts.shape[1]))
    again, lengths = Counter(terms, Words(options)).count(texts())
    monkeypatch.setattr(counting_module, limit, value)
    cut = Counted.of(texts(), options)
    cut_again, cut_lengths = Counter(terms, Words(options)).count(texts())

    assert terms == cut.terms.names(np.arange(cut.counts.shape[1]))
    assert whole.counts.toarray().tobytes() == cut.counts.toarray().tobytes()
    assert again.toarray().tobytes() == cut_again.toarray().tobytes()
    assert lengths.tolist() == cut_lengths.tolist()


@pytest.mark.parametrize("options", [{"min_df": 10_000}, {"min_df": 0.5, "max_df": 3}, {"max_df": 0.001}])
def test_where_the_options_leave_no_term_the_library_refuses_too(options):
    settings = validate(TfidfSettings, options).vectorizer_options()
    found = Counted.of(texts(), SHAPING)

    with pytest.raises(ValueError, match="min_df"):
        TfidfVectorizer(**settings).fit(texts())
    with pytest.raises(ValueError, match="min_df"):
        found.chosen(**{name: settings[name] for name in CHOOSING})


@pytest.fixture
def counting(monkeypatch):
    """Give the list that grows by the shaping options of each count."""
    counts = []
    real = Counted.of

    def of(texts, shaping):
        counts.append(shaping)
        return real(texts, shaping)

    monkeypatch.setattr(Counted, "of", of)
    return counts


def test_the_models_of_one_discovery_count_the_same_texts_once(counting, notes):
    _, tfidf = discover().components("model")["tfidf"]
    for options in ({"min_df": 2}, {"max_df": 0.9, "sublinear_tf": True}, {"binary": True, "norm": None}):
        tfidf.build(validate(TfidfSettings, options)).create(LABELS, texts(), 1, notes)

    assert 1 == len(counting)


@pytest.mark.parametrize(
    "options",
    [
        {"analyzer": "char"},
        {"lowercase": False},
        {"ngram_range": [1, 2]},
        {"stop_words": "english"},
        {"strip_accents": "ascii"},
    ],
)
def test_what_shapes_terms_is_counted_for_itself(options, counting, notes):
    memory = Memory()
    for each in ({}, options):
        build_model(validate(TfidfSettings, each), memory).create(LABELS, texts(), 1, notes)

    assert 2 == len(counting)


def test_other_texts_are_counted_for_themselves(counting, notes):
    memory = Memory()
    for seed in (1, 2):
        build_model(TfidfSettings(), memory).create(LABELS, texts(seed=seed), 1, notes)

    assert 2 == len(counting)


def test_texts_that_are_cut_elsewhere_are_other_texts(counting, notes):
    memory = Memory()
    for given in (["good\0bad", "plot"], ["good", "bad\0plot"]):
        build_model(TfidfSettings(), memory).create(LABELS, given, 1, notes)

    assert 2 == len(counting)


def test_the_counts_asked_for_last_stay(counting):
    memory = Memory(limit=2 * Counted.of(texts(), SHAPING).size)
    del counting[:]
    for fingerprint in (b"a", b"b", b"a", b"c", b"a"):
        memory.counted(texts(), fingerprint, SHAPING)

    assert 3 == len(counting)
    memory.counted(texts(), b"b", SHAPING)
    assert 4 == len(counting)


def test_what_is_too_large_is_not_kept_and_drives_nothing_out(counting):
    memory = Memory(limit=Counted.of(["a few words"], SHAPING).size)
    del counting[:]
    for text, fingerprint in (("a few words", b"a"), ("many more words " * 9 + " than those", b"b")) * 2:
        memory.counted([text], fingerprint, SHAPING)

    assert 3 == len(counting)


@pytest.mark.parametrize(
    "vocabulary", [["plot", "film"], ["film", "film"], ["a film was"], []], ids=["order", "twice", "three", "none"]
)
def test_terms_that_cannot_be_counted_by_numbers_are_refused(vocabulary):
    with pytest.raises(ValueError, match="not words and pairs of words in order"):
        Counter(vocabulary, Words(SHAPING))


def test_a_saved_vocabulary_in_another_order_counts_as_by_the_library(notes, tmp_path):
    classifier = build_model(TfidfSettings()).create(LABELS, texts(300), 1, notes)
    classifier.save(tmp_path)
    file = tmp_path / "vocabulary.json"
    terms = json.loads(file.read_text(encoding="utf-8"))
    assert json.dumps(terms, ensure_ascii=False, indent=1) + "\n" == file.read_text(encoding="utf-8")
    file.write_text(json.dumps(terms[::-1]), encoding="utf-8")

    turned = build_model(TfidfSettings()).load(tmp_path)

    library = CountVectorizer(vocabulary=terms[::-1]).transform(texts(300, seed=2))
    assert (library.toarray() > 0).tolist() == (turned.features(texts(300, seed=2)).toarray() > 0).tolist()


def test_words_are_counted_with_the_features_and_otherwise_alone(notes):
    classifier = build_model(TfidfSettings(ngram_range=(1, 2))).create(LABELS, texts(300), 1, notes)
    given = texts(300, seed=2)
    alone = classifier.count_tokens(given).tolist()
    classifier.features(given)

    assert alone == classifier.count_tokens(given).tolist()
    assert alone[:3] == classifier.count_tokens(given[:3]).tolist()
