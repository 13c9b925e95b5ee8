"""A classifier out of a run directory, ready to be called.

Only the plugins of the model and the trainer are needed: where the data came from does not matter any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np
from pydantic import ValidationError

from clsfw.contract.component import validate
from clsfw.contract.parts import Labels, Prediction
from clsfw.discovery.parts import BuiltExporter, BuiltModel, BuiltPart, BuiltTrainer, build_part
from clsfw.discovery.plugins import discover
from clsfw.errors import ModelError, PluginError, RunDirectoryError, UsageError
from clsfw.evidence.decision import Decision
from clsfw.evidence.finished import read_model, read_record
from clsfw.inference.code import refuse_code
from clsfw.inference.reading import read_format, text_of
from clsfw.kit.rows import Row
from clsfw.kit.text import encodable
from clsfw.report.display import Quiet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from clsfw.contract.component import Kind
    from clsfw.contract.parts import Reporter, RowFormat
    from clsfw.discovery.plugins import Plugins
    from clsfw.evidence.content import About, ResolvedRecipe, RunRecord
    from clsfw.kit.pairs import Text

    Given = Text | Mapping[str, Any]

_SHOWN_LABELS = 6
B = TypeVar("B", bound=BuiltPart[Any])


@dataclass(frozen=True, repr=False)
class LoadedClassifier:
    """The model of a run, or of an artifact, with all that it takes to predict.

    `record` is the content of run.json and `recipe` that of resolved.toml; `labels` are the classes, in the order of
    their ids. `predicts` is the trainer that predicts with `model`, or in an artifact the exporter that opened it.
    Call it with a text or a list of texts, or with dicts that hold the text columns of the run's own data;
    where that is pairs of texts, with tuples or dicts.
    """

    directory: Path
    record: RunRecord
    recipe: ResolvedRecipe
    labels: Labels
    model: Any
    predicts: BuiltTrainer | BuiltExporter
    decision: Decision
    parts: RecordedParts

    def __repr__(self) -> str:
        """Return one line."""
        names = self.labels.names
        shown = ", ".join(names[:_SHOWN_LABELS]) + (
            f" and {more} more" if (more := len(names) - _SHOWN_LABELS) > 0 else ""
        )
        return (
            f"<LoadedClassifier {self.record['name']}: {self.recipe['model']['use']}, labels {shown}; {self.directory}>"
        )

    def _repr_html_(self) -> str:
        """Return the line, and how to use it, for a notebook."""
        return f"<p>{escape(repr(self))}<br>Call it with a text or a list of texts.</p>"

    @cached_property
    def rows(self) -> RowFormat:
        """How the rows of the run's own data were written.

        Raises:
            RunDirectoryError: what the run says of them is not as clsfw writes it.

        """
        return read_format(self.record, self.directory)

    @overload
    def __call__(self, texts: Given) -> dict[str, Any]: ...  # type: ignore[overload-overlap]  # a str is a sequence too

    @overload
    def __call__(self, texts: Sequence[Given]) -> list[dict[str, Any]]: ...

    def __call__(self, texts: Given | Sequence[Given]) -> dict[str, Any] | list[dict[str, Any]]:
        """Label a text, or each of several.

        Each answer holds `label`, its probability `score`, and `scores` with the probability of each label; with
        several labels per text it holds `labels` and `scores`.

        Raises:
            UsageError: something is not a text, or a dict lacks a column.

        """
        if isinstance(texts, (str, Mapping, tuple)):
            return next(self.answers([texts]))
        return list(self.answers(list(texts)))

    def answers(self, texts: Sequence[Given], reporter: Reporter | None = None) -> Iterator[dict[str, Any]]:
        """Return what calling returns, one answer after the other."""
        probabilities = self.predict(texts, reporter).probabilities
        names = self.labels.names
        for row, chosen in zip(probabilities, self.decide(probabilities), strict=True):
            # The shortest digits that read back as the same float32.
            scores = {name: float(str(score)) for name, score in zip(names, row, strict=True)}
            if self.labels.multi_label:
                yield {"labels": [names[i] for i in np.flatnonzero(chosen)], "scores": scores}
            else:
                yield {"label": names[chosen], "score": scores[names[chosen]], "scores": scores}

    def predict(self, texts: Sequence[Given], reporter: Reporter | None = None) -> Prediction:
        """Return probabilities (after the temperature that the run fitted, if it did), lengths and truncation.

        Raises:
            UsageError: something is not a text, or a dict lacks a column.
            PluginError: the trainer's plugin failed.

        """
        raw = self.raw_prediction([self._text(given) for given in texts], reporter)
        return replace(raw, probabilities=self.decision.scale(raw.probabilities, self.labels))

    def _text(self, given: object) -> Text:
        """Return the text, or both of a pair, with each character one that can be written."""
        rows, pairs = self.rows, self.rows.text_pair_column is not None
        if isinstance(given, str) and not pairs:
            return encodable(given)
        if isinstance(given, (tuple, list)) and pairs:
            if len(given) != 2 or not all(isinstance(side, str) for side in given):  # noqa: PLR2004  # a pair
                raise UsageError("a pair of texts is a tuple of two strings")
            return encodable(given[0]), encodable(given[1])
        if not isinstance(given, Mapping):
            wanted = "pairs must be tuples of two strings" if pairs else "texts must be strings"
            raise UsageError(f"{wanted}, or dicts with the columns of texts, not {type(given).__name__}")
        columns = rows.text_columns if rows.text_pair_column is None else (*rows.text_columns, rows.text_pair_column)
        row = Row(1, cast("Mapping[str, Any]", given))
        missing = next((name for name in columns if not row.has(name)), None)
        if missing is not None:
            listed = ", ".join(map(repr, columns))
            raise UsageError(f"a dict has no {missing!r}; the texts of this run are in {listed}")
        try:
            return self._text_of_sides(text_of(row, rows, rows.text_pair_column))
        except ValueError as exc:
            raise UsageError(f"a dict holds{str(exc).partition(':')[2]}") from exc

    def _text_of_sides(self, text: Text) -> Text:
        return encodable(text) if isinstance(text, str) else (encodable(text[0]), encodable(text[1]))

    def raw_prediction(self, texts: Sequence[Text], reporter: Reporter | None = None) -> Prediction:
        """Return what the model predicts, before any temperature."""
        if not texts:
            return _nothing(self.labels)
        return self.predicts.predict(self.model, texts, self.labels, reporter or Quiet())

    def decide(self, probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return class ids [N], or with several labels per text 0/1 [N, C], by the run's own threshold."""
        return self.decision.decide(probabilities, self.labels)


def load_classifier(
    run_dir: str | Path, *, allow_incomplete: bool = False, allow_code: bool = False
) -> LoadedClassifier:
    """Load the model of a complete run, or an artifact that `clsfw export` wrote.

    `allow_incomplete` also takes a run that saved its model and did not finish; its files are not verified.
    `allow_code` runs code that the run names, such as a metric's script; whoever wrote the run may have written it.

    Raises:
        RunDirectoryError: there is no complete run, or a file of it was changed.
        UsageError: the run names code, and `allow_code` is not given.
        PluginError: the plugin of the model or of the trainer is missing, broken, or has changed its options.
        ModelError: the model cannot be read.

    """
    path = Path(run_dir).expanduser()
    record = read_record(path, allow_incomplete=allow_incomplete)
    if not (path / "model").is_dir():
        raise RunDirectoryError(f"{path} holds no model: its state is {record['state']!r}")
    recipe, about = read_model(path)
    parts = RecordedParts(record, discover(), allow_code)
    labels = Labels(tuple(about["labels"]), about["multi_label"])
    model, predicts = _open(path, parts, about) if "exporter" in about else _load(path, parts, recipe, about)
    decision = Decision.from_json(about.get("decision"))
    return LoadedClassifier(path, record, recipe, labels, model, predicts, decision, parts)


def _open(path: Path, parts: RecordedParts, about: About) -> tuple[Any, BuiltExporter]:
    """Open the model of an artifact, without what trained it."""
    exporter = parts.build(BuiltExporter, about["exporter"])
    return exporter.load(path / "model", Labels(tuple(about["labels"]), about["multi_label"])), exporter


def _load(path: Path, parts: RecordedParts, recipe: ResolvedRecipe, about: About) -> tuple[Any, BuiltTrainer]:
    trainer = parts.build(BuiltTrainer, recipe["trainer"])  # first, as in a run
    model = parts.build(BuiltModel, recipe["model"]).load(path / "model")
    if not trainer.fits(model):
        raise PluginError(
            f"trainer {recipe['trainer']['use']!r} and model {recipe['model']['use']!r} of {path} do not fit any more"
        )
    if list(model.labels.names) != about["labels"]:
        raise ModelError(
            f"{path / 'model'}: the model's labels {list(model.labels.names)} are not the run's {about['labels']}"
        )
    return model, trainer


@dataclass(frozen=True)
class RecordedParts:
    """Builds single parts of a finished run again, from the tables of its resolved.toml."""

    record: RunRecord
    plugins: Plugins
    allow_code: bool = False

    def build(self, built: type[B], table: Mapping[str, Any]) -> B:
        """Build one part.

        Raises:
            PluginError: no usable plugin gives it, or it no longer takes the options of then.
            UsageError: it would run code that the run names, and that is not allowed.

        """
        kind, name = built.kind, table["use"]
        found = self.plugins.components(kind).get(name)
        if found is None:
            raise PluginError(self._missing(kind, name))
        plugin, component = found
        try:
            settings = validate(component.settings, {k: v for k, v in table.items() if k != "use"})
        except ValidationError as exc:
            wrong = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
            raise PluginError(f"{plugin}: {kind} {name!r} no longer takes the options of this run: {wrong}") from exc
        if not self.allow_code:
            refuse_code(kind, name, plugin, settings)
        return build_part(built, plugin, component, settings)

    def _missing(self, kind: Kind, name: str) -> str:
        for plugin in self.plugins.claimants(kind, name):
            return f"{kind} {name!r} comes from {plugin}, which is {plugin.state}: {plugin.reason}"
        recorded = self.record["fixed"]["plugins"]
        absent = [
            f"{about['distribution']} {about['version']}" for key, about in recorded.items() if not self._has(key)
        ]
        hint = f"; the run used {', '.join(absent)}, so install that" if absent else "; see `clsfw list-plugins`"
        return f"no installed plugin gives {kind} {name!r}{hint}"

    def _has(self, name: str) -> bool:
        plugin = self.plugins.named(name)
        return plugin is not None and plugin.state == "ok"


def _nothing(labels: Labels) -> Prediction:
    shape = (0, len(labels.names))
    return Prediction(np.empty(shape, np.float32), np.empty(0, np.int64), np.empty(0, np.bool_))
