from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from clsfw import Labels, ModelError
from clsfw.contract.component import validate
from clsfw_sklearn import TfidfSettings, build_model

TEXTS = ["Good film, really good!", "a BAD film", "", "naïve plot \U0001f600 but good"]
LABELS = Labels(("negative", "positive"))


def create(notes, texts=TEXTS, **options):
    return build_model(validate(TfidfSettings, options)).create(LABELS, texts, 42, notes)


def test_a_saved_model_predicts_the_same_bits(rows, fitted, notes, tmp_path):
    data = {"train": rows(("sport", "music", "food"), 60)}
    classifier, trainer = fitted(data, model={"ngram_range": [1, 2], "sublinear_tf": True, "strip_accents": "unicode"})
    texts = [*rows(("sport", "music"), 30, seed=1)["text"], "", "naïve \U0001f600", "never seen " * 5000]
    classifier.save(tmp_path)
    loaded = build_model(TfidfSettings()).load(tmp_path)
    before, after = (trainer.predict(each, texts, notes) for each in (classifier, loaded))

    assert before.probabilities.tobytes() == after.probabilities.tobytes()
    assert before.tokens.tolist() == after.tokens.tolist()
    assert loaded.labels == classifier.labels


def test_saving_twice_gives_the_same_bytes(notes, tmp_path):
    classifier = create(notes)
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        classifier.save(tmp_path / name)
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})

    assert written[0] == written[1]


def test_nothing_saved_is_a_pickle(notes, tmp_path):
    create(notes).save(tmp_path)

    assert {"model.safetensors", "tfidf.json", "vocabulary.json"} == {path.name for path in tmp_path.iterdir()}
    assert ["bad", "but", "film", "good", "naïve", "plot", "really"] == json.loads(
        (tmp_path / "vocabulary.json").read_text(encoding="utf-8")
    )


def test_tokens_are_words(notes):
    assert [4, 2, 0, 4] == create(notes).count_tokens(TEXTS).tolist()


def test_tokens_are_characters_where_terms_are(notes):
    classifier = create(notes, analyzer="char_wb", ngram_range=[2, 3])

    assert [len(text) for text in TEXTS] == classifier.count_tokens(TEXTS).tolist()


def test_a_text_s_features_do_not_depend_on_its_neighbours(notes):
    classifier = create(notes, ngram_range=[1, 2])
    together = classifier.features(TEXTS).toarray()
    alone = np.vstack([classifier.features([text]).toarray() for text in TEXTS])

    assert together.tobytes() == alone.tobytes()


def test_features_that_come_with_the_vocabulary_are_those_of_a_second_look(notes):
    classifier = create(notes, ngram_range=[1, 2], sublinear_tf=True)
    first, second = classifier.features(TEXTS), classifier.features(TEXTS)

    assert first is not second
    assert first.toarray().tobytes() == second.toarray().tobytes()


def test_features_of_other_texts_than_the_training_texts_are_their_own(notes):
    assert create(notes).features(["good", "bad", "", "plot"]).toarray()[0, 3] == 1.0


def test_parameters_are_weights_and_biases(notes):
    assert (2 * 7 + 2, 2 * 7 + 2) == create(notes).parameters()


def test_no_term_left_says_which_options_to_look_at(notes):
    with pytest.raises(ModelError, match="look at min_df, max_df and stop_words"):
        create(notes, min_df=10)


@pytest.mark.parametrize("damage", ["missing", "cut", "other"])
def test_a_damaged_model_is_a_model_error(damage, notes, tmp_path):
    create(notes).save(tmp_path)
    if damage == "missing":
        (tmp_path / "vocabulary.json").unlink()
    elif damage == "cut":
        whole = (tmp_path / "model.safetensors").read_bytes()
        (tmp_path / "model.safetensors").write_bytes(whole[:-5])
    else:
        (tmp_path / "tfidf.json").write_text('{"labels": ["a", "b", "c"], "multi_label": false}')

    with pytest.raises(ModelError, match="no tfidf model"):
        build_model(TfidfSettings()).load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("input", "filename"),
        ("token_pattern", "(a+)+$"),
        ("decode_error", "ignore"),
        ("stop_words", ["a"]),
        ("analyzer", "x"),
        ("ngram_range", [1, 10**9]),
        ("min_df", "1"),
    ],
)
def test_saved_options_that_the_settings_do_not_have_are_refused(key, value, notes, tmp_path):
    create(notes).save(tmp_path)
    about = json.loads((tmp_path / "tfidf.json").read_text())
    about["vectorizer"][key] = value
    (tmp_path / "tfidf.json").write_text(json.dumps(about))

    with pytest.raises(ModelError, match=rf"no tfidf model that can be read: vectorizer\.{key}"):
        build_model(TfidfSettings()).load(tmp_path)


@pytest.mark.parametrize("terms", ['{"a": 0}', "[1]", '"text"', '["a", null]'])
def test_a_vocabulary_that_is_no_list_of_terms_is_refused(terms, notes, tmp_path):
    create(notes).save(tmp_path)
    (tmp_path / "vocabulary.json").write_text(terms)

    with pytest.raises(ModelError, match="no tfidf model that can be read"):
        build_model(TfidfSettings()).load(tmp_path)


def test_arrays_of_another_size_are_a_model_error(notes, tmp_path):
    create(notes).save(tmp_path)
    about = json.loads((tmp_path / "tfidf.json").read_text())
    (tmp_path / "tfidf.json").write_text(json.dumps(about | {"labels": ["a", "b", "c"]}))

    with pytest.raises(ModelError, match="does not fit"):
        build_model(TfidfSettings()).load(tmp_path)


def test_options_keep_the_library_s_names():
    settings = validate(TfidfSettings, {"ngram_range": [1, 2], "min_df": 2, "max_df": 0.5, "sublinear_tf": True})

    assert settings.vectorizer_options()["ngram_range"] == (1, 2)
    assert settings.vectorizer_options()["max_df"] == 0.5


@pytest.mark.parametrize(
    "wrong",
    [{"ngram_range": [2, 1]}, {"ngram_range": [0, 1]}, {"ngram_range": ["1", 2]}, {"min_df": -1}, {"max_df": 1.5}],
)
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        validate(TfidfSettings, wrong)
