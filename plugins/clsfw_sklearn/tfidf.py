"""The model `tfidf`: scikit-learn's vectorizer with linear weights, kept as plain arrays and a list of terms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save
from sklearn.feature_extraction.text import TfidfVectorizer

from clsfw import Labels, ModelError
from clsfw_sklearn.chunks import chunks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from clsfw import Reporter
    from clsfw_sklearn import TfidfSettings

_ARRAYS = "model.safetensors"
_TERMS = "vocabulary.json"
_ABOUT = "tfidf.json"


class TfidfModel:
    """Starts classifiers with the vocabulary of the training texts, and loads saved ones."""

    def __init__(self, settings: TfidfSettings) -> None:
        self._options = settings.vectorizer_options()

    def create(self, labels: Labels, texts: Sequence[str], seed: int, reporter: Reporter) -> TfidfClassifier:  # noqa: ARG002  # nothing here is random
        """Learn the vocabulary and its weights from the training texts.

        Raises:
            ModelError: the options leave no term.

        """
        vectorizer = TfidfVectorizer(**self._options)
        try:
            vectorizer.fit(_told(texts, reporter))
        except ValueError as exc:
            raise ModelError(
                f"tfidf: the training texts leave no term to count: {exc}; look at min_df, max_df and stop_words"
            ) from exc
        size = len(vectorizer.vocabulary_)
        reporter.note(f"vocabulary: {size:,} terms")
        return TfidfClassifier(labels, vectorizer, np.zeros((len(labels.names), size)), np.zeros(len(labels.names)))

    def load(self, directory: Path) -> TfidfClassifier:
        """Get back a saved classifier, with the options that it was saved with.

        Raises:
            ModelError: a file is missing, damaged, or does not fit the others.

        """
        try:
            about = json.loads((directory / _ABOUT).read_text(encoding="utf-8"))
            terms = json.loads((directory / _TERMS).read_text(encoding="utf-8"))
            arrays = load_file(directory / _ARRAYS)
            options = about["vectorizer"]
            vectorizer = TfidfVectorizer(**options | {"ngram_range": tuple(options["ngram_range"])}, vocabulary=terms)
            vectorizer.idf_ = arrays["idf"]
            labels = Labels(tuple(about["labels"]), about["multi_label"])
            classifier = TfidfClassifier(labels, vectorizer, arrays["weights"], arrays["bias"])
        except Exception as exc:  # whatever the libraries raise, the cause is a file that this class did not write
            raise ModelError(f"{directory} holds no tfidf model that can be read: {exc}") from exc
        if classifier.weights.shape != (len(labels.names), len(terms)) or classifier.bias.shape != (len(labels.names),):
            raise ModelError(f"{directory}: {_ARRAYS} does not fit {_TERMS} and {_ABOUT}")
        return classifier


class TfidfClassifier:
    """A vectorizer and linear weights; satisfies `LinearClassifier`."""

    def __init__(
        self,
        labels: Labels,
        vectorizer: TfidfVectorizer,
        weights: NDArray[np.float64],
        bias: NDArray[np.float64],
    ) -> None:
        self.labels = labels
        self.weights = weights
        self.bias = bias
        self._vectorizer = vectorizer
        self._prepare = vectorizer.build_preprocessor()
        self._split = len if vectorizer.analyzer != "word" else _counter_of(vectorizer)

    def features(self, texts: Sequence[str]) -> csr_matrix:
        """Give the TF-IDF features [N, F]."""
        return self._vectorizer.transform(texts)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Count the words of each text by scikit-learn's rule, or its characters where terms are made of characters."""
        return np.fromiter((self._split(self._prepare(text)) for text in texts), dtype=np.int64, count=len(texts))

    def save(self, directory: Path) -> None:
        """Write arrays, terms and options; equal classifiers give equal bytes."""
        terms = self._vectorizer.get_feature_names_out().tolist()
        options = {name: self._vectorizer.get_params()[name] for name in _option_names()}
        about = {"labels": list(self.labels.names), "multi_label": self.labels.multi_label, "vectorizer": options}
        arrays = {"weights": self.weights, "bias": self.bias, "idf": self._vectorizer.idf_}
        (directory / _ARRAYS).write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        _write_json(directory / _TERMS, terms)
        _write_json(directory / _ABOUT, about)

    def parameters(self) -> tuple[int, int]:
        """Count weights and biases; all are trained."""
        count = self.weights.size + self.bias.size
        return count, count


def _counter_of(vectorizer: TfidfVectorizer) -> Any:
    tokenize = vectorizer.build_tokenizer()
    return lambda text: len(tokenize(text))


def _option_names() -> tuple[str, ...]:
    from clsfw_sklearn import TfidfSettings

    return tuple(TfidfSettings.model_fields)


def _told(texts: Sequence[str], reporter: Reporter) -> Any:
    """Hand out the texts one by one, telling how far it is."""
    done = 0
    for chunk in chunks(texts):
        yield from chunk
        done += len(chunk)
        reporter.progress("counting terms", done, len(texts), "texts")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
