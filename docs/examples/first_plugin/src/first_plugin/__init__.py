"""My first plugin for clsfw."""

from __future__ import annotations

import clsfw
from pydantic import Field


class FolderSettings(clsfw.Settings):
    path: clsfw.RecipePath = Field(
        description="a folder that holds a folder of .txt files for each label"
    )


def build_folders(settings: FolderSettings) -> clsfw.DataSource:
    from .folders import TextFolders

    return TextFolders(settings.path)


@clsfw.hookimpl
def register_data_sources():
    return [
        clsfw.Component(
            name="text-folders",
            summary="texts in files, sorted into a folder for each label",
            settings=FolderSettings,
            build=build_folders,
        )
    ]


class WordSettings(clsfw.Settings):
    pass


def build_words(settings: WordSettings) -> clsfw.Model:
    from .words import WordCounts

    return WordCounts()


@clsfw.hookimpl
def register_models():
    return [
        clsfw.Component(
            name="word-counts",
            summary="naive Bayes: how often each word stands in each class",
            settings=WordSettings,
            build=build_words,
        )
    ]


class CountSettings(clsfw.Settings):
    chunk: int = Field(100, ge=1, description="texts that are counted in one step")


def build_counting(settings: CountSettings) -> clsfw.Trainer:
    from .counting import Counting

    return Counting(settings.chunk)


@clsfw.hookimpl
def register_trainers():
    return [
        clsfw.Component(
            name="count-words",
            summary="counts the words of the training texts, for word-counts",
            settings=CountSettings,
            build=build_counting,
        )
    ]


class WorstSettings(clsfw.Settings):
    def score_names(self) -> dict[str, bool]:
        return {"worst_recall": True}


class WorstRecall:
    def compute(self, outcome: clsfw.Outcome) -> dict[str, float]:
        if outcome.labels.multi_label:
            raise clsfw.DataError("worst-recall takes one label per text")
        right = outcome.references == outcome.predictions
        present = set(outcome.references.tolist())
        recalls = [right[outcome.references == label].mean() for label in present]
        return {"worst_recall": float(min(recalls))}


@clsfw.hookimpl
def register_metrics():
    return [
        clsfw.Component(
            name="worst-recall",
            summary="the recall of the class that is recognised worst",
            settings=WorstSettings,
            build=lambda settings: WorstRecall(),
        )
    ]


class ScoreSettings(clsfw.Settings):
    digits: int = Field(3, ge=1, description="digits of a score after the point")


class ScoreTeller(clsfw.Watcher):
    def __init__(self, settings: ScoreSettings) -> None:
        self.digits = settings.digits

    def on_evaluate(self, run, split, scores):
        told = (
            f"{name} {value:.{self.digits}f}" for name, value in sorted(scores.items())
        )
        run.reporter.note(f"{split}: " + ", ".join(told))


@clsfw.hookimpl
def register_watchers():
    return [
        clsfw.Component(
            name="tell-scores",
            summary="tells the scores of each evaluation in a line",
            settings=ScoreSettings,
            build=ScoreTeller,
        )
    ]
