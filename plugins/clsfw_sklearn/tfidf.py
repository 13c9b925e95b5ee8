"""The model `tfidf`: scikit-learn's vectorizer with linear weights, kept as plain arrays and a list of terms."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError
from safetensors.numpy import load_file, save
from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from clsfw import Labels, ModelError, Settings
from clsfw_sklearn import TfidfSettings  # noqa: TC001  # pydantic reads the annotation
from clsfw_sklearn.chunks import Text, chunks
from clsfw_sklearn.counted import CHOOSING, SHAPING
from clsfw_sklearn.counting import Counter
from clsfw_sklearn.words import Words, is_counted_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    from clsfw import Reporter
    from clsfw_sklearn.counted import Memory

_ARRAYS = "model.safetensors"
_TERMS = "vocabulary.json"
_ABOUT = "tfidf.json"
_VOCABULARY: TypeAdapter[list[str]] = TypeAdapter(list[str], config=ConfigDict(strict=True))


@dataclass(frozen=True)
class Terms:
    """Turns texts into features: what scikit-learn's `TfidfVectorizer` is made of, by the same options.

    The two parts are separate here, so that the features of the training texts, which come with the vocabulary, are
    to the last bit those that a second look at the same texts gives.
    """

    options: Mapping[str, Any]
    vocabulary: Sequence[str]
    counting: CountVectorizer
    weighing: TfidfTransformer

    @classmethod
    def of(cls, options: Mapping[str, Any], vocabulary: Sequence[str]) -> Terms:
        """Build both parts; the second one still lacks its weights."""
        counting = {key: value for key, value in options.items() if key not in {"norm", "sublinear_tf"}}
        counting["ngram_range"] = tuple(counting["ngram_range"])
        return cls(
            options,
            vocabulary,
            CountVectorizer(**counting, vocabulary=vocabulary, dtype=np.float64),
            TfidfTransformer(norm=options["norm"], sublinear_tf=options["sublinear_tf"]),
        )

    def features(self, texts: Iterable[str]) -> tuple[csr_matrix, NDArray[np.int64] | None]:
        """Return the features [N, F] of texts, and the number of words of each, if these were counted."""
        if self._counter is None:
            return self.weighing.transform(self.counting.transform(texts)), None
        counts, lengths = self._counter.count(texts)
        if self.options["binary"]:
            counts.data.fill(1)
        return self.weighing.transform(counts), lengths

    @cached_property
    def _counter(self) -> Counter | None:
        """What counts faster than the library; None where the terms are not such as it takes."""
        shaping = {name: self.options[name] for name in SHAPING}
        shaping["ngram_range"] = tuple(shaping["ngram_range"])
        if not is_counted_here(shaping):
            return None
        try:
            return Counter(self.vocabulary, Words(shaping))
        except ValueError:  # a saved vocabulary may come from anybody
            return None


class Saved(Settings):
    """The content of `tfidf.json`, which may come from anybody: the library takes options that open files."""

    labels: tuple[str, ...]
    multi_label: bool
    vectorizer: TfidfSettings


class TfidfModel:
    """Starts classifiers with the vocabulary of the training texts, and loads saved ones."""

    takes_pairs = True

    def __init__(self, settings: TfidfSettings, memory: Memory) -> None:
        self._options = settings.vectorizer_options()
        self._memory = memory

    def create(self, labels: Labels, texts: Sequence[Text], seed: int, reporter: Reporter) -> TfidfClassifier:
        """Learn the vocabulary and its weights from the training texts, both of pairs; nothing here is random.

        Raises:
            ModelError: the options leave no term.

        """
        fingerprint = _fingerprint(texts)
        try:
            counted = self._memory.counted(_told(texts, reporter), fingerprint, self._some(SHAPING))
            vocabulary, counts = counted.chosen(**self._some(CHOOSING))
        except ValueError as exc:
            raise ModelError(
                f"tfidf: the training texts leave no term to count: {exc}; look at min_df, max_df and stop_words"
            ) from exc
        reporter.note(f"vocabulary: {len(vocabulary):,} terms")
        terms = Terms.of(self._options, vocabulary)
        learned = terms.weighing.fit(counts).transform(counts, copy=False)  # the counts are nobody else's
        features = learned if learned.shape[0] == len(texts) else _side_by_side(learned[::2], learned[1::2])
        weights, bias = np.zeros((len(labels.names), features.shape[1])), np.zeros(len(labels.names))
        return TfidfClassifier(labels, terms, weights, bias, at_hand=(fingerprint, features))

    def _some(self, names: Iterable[str]) -> dict[str, Any]:
        return {name: self._options[name] for name in names}

    def load(self, directory: Path) -> TfidfClassifier:
        """Get back a saved classifier, with the options that it was saved with.

        Raises:
            ModelError: a file is missing, damaged, or does not fit the others.

        """
        try:
            about = Saved.model_validate_json((directory / _ABOUT).read_bytes())
            vocabulary = _VOCABULARY.validate_json((directory / _TERMS).read_bytes())
        except (OSError, ValidationError) as exc:
            raise ModelError(f"{directory} holds no tfidf model that can be read: {_words(exc)}") from exc
        try:
            arrays = load_file(directory / _ARRAYS)
            terms = Terms.of(about.vectorizer.vectorizer_options(), vocabulary)
            terms.weighing.idf_ = arrays["idf"]
            labels = Labels(about.labels, about.multi_label)
            classifier = TfidfClassifier(labels, terms, arrays["weights"], arrays["bias"])
        except Exception as exc:  # whatever the libraries raise, the cause is a file that this class did not write
            raise ModelError(f"{directory} holds no tfidf model that can be read: {exc}") from exc
        shapes = [array.shape for array in (classifier.weights, classifier.bias, arrays["idf"])]
        terms_once, terms_twice = ((len(labels.names), width * len(vocabulary)) for width in (1, 2))
        if shapes[0] not in {terms_once, terms_twice} or shapes[1:] != [(len(labels.names),), (len(vocabulary),)]:
            raise ModelError(f"{directory}: {_ARRAYS} does not fit {_TERMS} and {_ABOUT}")
        return classifier


class TfidfClassifier:
    """Terms and linear weights; satisfies `LinearClassifier`.

    `at_hand` are the features of the training texts with the texts' fingerprint: the trainer is the first to ask. Pairs
    of texts have the features of both side by side, so that a word counts otherwise on the one side than on the other.
    """

    takes_pairs = True

    def __init__(
        self,
        labels: Labels,
        terms: Terms,
        weights: NDArray[np.float64],
        bias: NDArray[np.float64],
        at_hand: tuple[bytes, csr_matrix] | None = None,
    ) -> None:
        self.labels = labels
        self.weights = weights
        self.bias = bias
        self._terms = terms
        self._at_hand = at_hand
        self._lengths: tuple[Sequence[Text], NDArray[np.int64]] | None = None
        """The number of words of the texts that were seen last, where they were counted by the way."""
        self._prepare = terms.counting.build_preprocessor()
        self._tokenize = terms.counting.build_tokenizer() if terms.counting.analyzer == "word" else str

    def features(self, texts: Sequence[Text]) -> csr_matrix:
        """Return the TF-IDF features [N, F], of pairs [N, 2 F]."""
        at_hand, self._at_hand = self._at_hand, None
        if at_hand is not None and at_hand[0] == _fingerprint(texts):
            return at_hand[1]
        sides = (side for text in texts for side in _sides(text))
        found, lengths = self._terms.features(sides)
        if lengths is not None:
            self._lengths = texts, lengths.reshape(len(texts), -1).sum(axis=1)
        return found if found.shape[0] == len(texts) else _side_by_side(found[::2], found[1::2])

    def count_tokens(self, texts: Sequence[Text]) -> NDArray[np.int64]:
        """Count the words of each text by scikit-learn's rule, or its characters where terms are made of characters."""
        if self._lengths is not None and self._lengths[0] is texts:
            return self._lengths[1]
        counts = (sum(len(self._tokenize(self._prepare(side))) for side in _sides(text)) for text in texts)
        return np.fromiter(counts, dtype=np.int64, count=len(texts))

    def telling_words(self, label: int, text: Text | None, count: int) -> list[str]:
        """Return the terms with the largest weight for a class over the mean of all; in a text, times their TF-IDF.

        Of pairs it is the sum over both sides.
        """
        if self._terms.counting.analyzer != "word":
            return []  # pieces of words tell a reader nothing
        mean = 0.0 if self.labels.multi_label else self.weights.mean(axis=0)
        pull = self.weights[label] - mean
        if text is not None:
            pull = self.features([text]).multiply(pull).toarray()[0]
        names = self._terms.vocabulary
        pull = pull.reshape(-1, len(names)).sum(axis=0)
        return [str(names[i]) for i in np.argsort(-pull, kind="stable")[:count] if pull[i] > 0]

    def save(self, directory: Path) -> None:
        """Write arrays, terms and options; equal classifiers give equal bytes."""
        about = {
            "labels": list(self.labels.names),
            "multi_label": self.labels.multi_label,
            "vectorizer": dict(self._terms.options),
        }
        arrays = {"weights": self.weights, "bias": self.bias, "idf": self._terms.weighing.idf_}
        (directory / _ARRAYS).write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        # As `json.dumps` with an indent writes it, which takes ten times as long.
        terms = ",\n ".join(map(json.encoder.encode_basestring, self._terms.vocabulary))
        (directory / _TERMS).write_text(f"[\n {terms}\n]\n", encoding="utf-8")
        text = json.dumps(about, ensure_ascii=False, indent=1) + "\n"
        (directory / _ABOUT).write_text(text, encoding="utf-8")

    def parameters(self) -> tuple[int, int]:
        """Count weights and biases; all are trained."""
        count = self.weights.size + self.bias.size
        return count, count


def _sides(text: Text) -> tuple[str, ...]:
    """Return the text alone, or both texts of a pair."""
    return (text,) if isinstance(text, str) else text


def _side_by_side(first: csr_matrix, second: csr_matrix) -> csr_matrix:
    return hstack([first, second], format="csr")


def _fingerprint(texts: Sequence[Text]) -> bytes:
    digest = hashlib.blake2b()
    for text in texts:
        for side in _sides(text):
            data = side.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)  # a text may hold whatever would stand between texts
    return digest.digest()


def _told(texts: Sequence[Text], reporter: Reporter) -> Any:
    """Hand out the texts one by one, both of a pair, showing how far it is."""
    done = 0
    for chunk in chunks(texts):
        for text in chunk:
            yield from _sides(text)
        done += len(chunk)
        reporter.progress("counting terms", done, len(texts), "texts")


def _words(exc: OSError | ValidationError) -> str:
    if isinstance(exc, OSError):
        return str(exc)
    first = exc.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
