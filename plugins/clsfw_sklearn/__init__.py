"""The baseline: the model `tfidf` and the trainer `sklearn-fit`, by scikit-learn and saved without pickle."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt, model_validator

from clsfw import Component, Settings, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from clsfw import Labels, Model, PlanFacts, Trainer
    from clsfw_sklearn.counted import Memory

TermLength = Annotated[int, Field(ge=1, le=50)]  # a text of n words has 50 n terms then, and no more
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class TfidfSettings(Settings):
    """Options of `tfidf`; names, meanings and defaults are those of scikit-learn's `TfidfVectorizer`."""

    ngram_range: tuple[TermLength, TermLength] = Field(
        default=(1, 1), description="shortest and longest run of words (or characters) that counts as a term"
    )
    min_df: PositiveInt | Share = Field(
        default=1,
        description="leave out terms in fewer training texts: a count, or a share of the texts from 0.0 to 1.0",
    )
    max_df: PositiveInt | Share = Field(
        default=1.0,
        description="leave out terms in more training texts: a count, or a share of the texts from 0.0 to 1.0",
    )
    max_features: PositiveInt | None = Field(
        default=None, description="keep only so many terms, the most frequent ones"
    )
    sublinear_tf: bool = Field(default=False, description="count a term by 1 + log(its occurrences)")
    binary: bool = Field(default=False, description="count a term once per text")
    lowercase: bool = Field(default=True, description="turn the texts into lower case first")
    strip_accents: Literal["ascii", "unicode"] | None = Field(
        default=None, description="how to strip accents, if at all"
    )
    stop_words: Literal["english"] | None = Field(
        default=None, description="leave out scikit-learn's English stop words"
    )
    analyzer: Literal["word", "char", "char_wb"] = Field(
        default="word", description="terms of words, of characters, or of characters within words"
    )
    norm: Literal["l1", "l2"] | None = Field(default="l2", description="scale each text's terms to unit length")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.ngram_range[0] > self.ngram_range[1]:
            raise ValueError(f"ngram_range must go from the shorter to the longer, not {list(self.ngram_range)}")
        return self

    def vectorizer_options(self) -> dict[str, Any]:
        """Return the keyword arguments of `TfidfVectorizer`."""
        return {name: getattr(self, name) for name in type(self).model_fields}


class SklearnFitSettings(Settings):
    """Options of `sklearn-fit`; names and meanings are those of scikit-learn's `LogisticRegression`.

    Except for `class_weights`, which is that of the other trainers.
    """

    C: float | None = Field(
        default=None,
        gt=0,
        description="inverse of the strength of the L2 penalty; left out, it is the one of 0.1, 1, 10 and 100 with the "
        "smallest loss on validation, or on held-out thirds of training",
    )
    max_iter: PositiveInt = Field(default=1000, description="most iterations of the solver")
    tol: float = Field(default=1e-4, gt=0, description="where the solver stops")
    solver: Literal["lbfgs", "newton-cg", "sag", "saga"] = Field(default="lbfgs", description="the algorithm")
    fit_intercept: bool = Field(default=True, description="whether each class has a bias")
    class_weights: Literal["balanced"] | list[Weight] | dict[str, Weight] | None = Field(
        default=None,
        description="weight of each class in the loss: a list in the order of the labels, a table label = weight (1 "
        'where left out), or "balanced"',
    )

    def check_plan(self, facts: PlanFacts) -> Iterator[tuple[str, str]]:
        """Return (key, message) for each setting that does not fit the rest of the recipe."""
        if facts.labels is not None:
            yield from self._check_labels(facts.labels)
        unseen = [step for step in facts.expected_steps if step != 1 or "validation" not in facts.splits]
        if unseen:
            yield "", f"[expect.history] expects scores at step {unseen[0]}; it validates once, after its only step"

    def _check_labels(self, labels: Labels) -> Iterator[tuple[str, str]]:
        weights, names = self.class_weights, ", ".join(labels.names)
        if isinstance(weights, dict):
            for name in weights.keys() - set(labels.names):
                yield f"class_weights.{name}", f"it is none of the labels {names}"
        elif isinstance(weights, list) and (len(weights) != len(labels.names) or not any(weights)):
            yield "class_weights", f"it needs {len(labels.names)} numbers, not all 0, one for each label: {names}"
        elif weights == "balanced" and labels.multi_label:
            yield "class_weights", "'balanced' is for one label per text; give weights instead"


def build_model(settings: TfidfSettings, memory: Memory | None = None) -> Model:
    """Build the model; those with the same memory count the terms of the same texts once."""
    from clsfw_sklearn.tfidf import TfidfModel

    return TfidfModel(settings, memory or _memory())


def _memory() -> Memory:
    from clsfw_sklearn.counted import Memory

    return Memory()


def build_trainer(settings: SklearnFitSettings) -> Trainer[Any]:
    """Build the trainer."""
    from clsfw_sklearn.fit import SklearnFit

    return SklearnFit(settings)


@hookimpl
def register_models() -> list[Component[Model]]:
    """Contribute `tfidf`; all models of one discovery, such as those of a study, have one memory."""
    memory = functools.cache(_memory)  # made where a model is built, for the import is slow
    return [
        Component(
            name="tfidf",
            summary="TF-IDF of words, word n-grams or characters with a linear classifier (scikit-learn)",
            settings=TfidfSettings,
            build=lambda settings: build_model(settings, memory()),
        )
    ]


@hookimpl
def register_trainers() -> list[Component[Trainer[Any]]]:
    """Contribute `sklearn-fit`."""
    return [
        Component(
            name="sklearn-fit",
            summary="logistic regression for models with linear weights, such as tfidf (scikit-learn)",
            settings=SklearnFitSettings,
            build=build_trainer,
        )
    ]
