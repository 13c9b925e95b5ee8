"""Built parts: each guards its own calls into its plugin, and checks what comes back.

Whatever a plugin raises, other than clsfw's own errors, becomes a `PluginError` that names the plugin, its version and
the author's line. The engine, the commands on finished runs and `clsfw.testing` all build here, so that they judge
alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from clsfw.contract.component import validate
from clsfw.contract.parts import (
    ChecksModel,
    DataSource,
    Executor,
    Exporter,
    HasProvenance,
    HasRowFormat,
    HasSeparator,
    JoinsColumns,
    Metric,
    Model,
    PlansTraining,
    Prediction,
    RowFormat,
    Searcher,
    TakesPairs,
    TellsWords,
    Trainer,
    TrainsTogether,
    Watcher,
)
from clsfw.discovery.plugins import guard
from clsfw.errors import PluginError
from clsfw.kit.disk import explained_libraries
from clsfw.kit.predictions import check_prediction
from clsfw.kit.saved import check_saved
from clsfw.kit.scores import check_scores
from clsfw.kit.shapes import kind_of, line_of, method_fault, watcher_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from datasets import Dataset

    from clsfw.contract.component import Component, Kind, Settings
    from clsfw.contract.parts import Classifier, Labels, Outcome, Predictor, Range, Reporter, Resources, Trial
    from clsfw.contract.run import Run
    from clsfw.discovery.plugins import Plugin
    from clsfw.kit.pairs import Text

T = TypeVar("T")
B = TypeVar("B", bound="BuiltPart[Any]")

_LONGEST_SHOWN = 200  # characters


@dataclass(frozen=True)
class BuiltPart(Generic[T]):
    """A part, with the name of its component and the plugin that answers for it."""

    plugin: Plugin
    name: str
    part: T

    kind: ClassVar[Kind]
    methods: ClassVar[Mapping[str, int]] = {}
    """What the part must have, with the number of arguments that each is called with."""

    def __str__(self) -> str:
        """Return the words by which messages name the part."""
        return f"{self.plugin}: {self.kind} {self.name!r}"

    def guarded(self, method: str) -> AbstractContextManager[None]:
        """Guard a call of one of the part's methods."""
        return guard(self.plugin, f"{method} of {self.kind} {self.name!r}")

    def provenance(self) -> dict[str, str]:
        """Return what the part says that it used; nothing if it cannot say."""
        if not isinstance(self.part, HasProvenance):
            return {}
        with self.guarded("provenance"):
            return {str(name): str(value) for name, value in self.part.provenance().items()}

    @classmethod
    def fault(cls, part: Any) -> str | None:
        """Return why something cannot be a part of this kind, or return None."""
        if part is None:
            return "None; does it lack a `return`?"
        return next((f for m, count in cls.methods.items() if (f := method_fault(part, m, count))), None)


class BuiltSource(BuiltPart[DataSource]):
    """A data source."""

    kind = "data"
    methods: ClassVar = {"load": 1}

    def load(self, reporter: Reporter) -> object:
        """Return what the source gives; `kit.data` checks it."""
        with self.guarded("load"):
            return self.part.load(reporter)

    def row_format(self) -> RowFormat | None:
        """Return how the source's files are written, if it can say.

        Raises:
            PluginError: the plugin failed, or gave something else.

        """
        if not isinstance(self.part, HasRowFormat):
            return None
        with self.guarded("row_format"):
            found = self.part.row_format()
        if not isinstance(found, RowFormat):
            raise PluginError(f"{self}: `row_format` gave {type(found).__name__}, not a RowFormat")
        return found

    def join_columns(self, separator: Callable[[], str | None]) -> str | None:
        """Return by what several columns are joined, if the source asks; None of the model: a line end."""
        found = self.row_format() if isinstance(self.part, JoinsColumns) else None
        if found is None or len(found.text_columns) == 1 or found.text_separator is not None:
            return None
        joint = separator() or "\n"
        with self.guarded("join_by"):
            if isinstance(self.part, JoinsColumns):
                self.part.join_by(joint)
        return joint


class BuiltModel(BuiltPart[Model]):
    """A model; the classifiers that it starts and loads are bare, and their methods are called here."""

    kind = "model"
    methods: ClassVar = {"create": 4, "load": 1}

    def check(self) -> dict[str, str]:
        """Return what the model says of its files; nothing if it cannot say."""
        if not isinstance(self.part, ChecksModel):
            return {}
        with self.guarded("check"):
            return {str(name): str(value) for name, value in self.part.check().items()}

    def separator(self) -> str | None:
        """Return the model's own token between two texts, if it has one."""
        if not isinstance(self.part, HasSeparator):
            return None
        with self.guarded("separator"):
            return self.part.separator()

    def create(self, labels: Labels, texts: Sequence[Text], seed: int, reporter: Reporter) -> Classifier:
        """Start a classifier.

        Raises:
            PluginError: the plugin failed, or gave no classifier for these labels.

        """
        with self.guarded("create"):
            return self._checked("create", self.part.create(labels, cast("Any", texts), seed, reporter), labels)

    def load(self, directory: Path, labels: Labels | None = None) -> Classifier:
        """Load a classifier, of these labels if any are given.

        Raises:
            PluginError: as for `create`.

        """
        with self.guarded("load"):
            return self._checked("load", self.part.load(directory), labels)

    def parameters(self, classifier: Classifier) -> tuple[int, int]:
        """Count all parameters and the trainable ones."""
        with self.guarded("parameters"):
            total, trainable = classifier.parameters()
            return int(total), int(trainable)

    def save(self, classifier: Classifier, directory: Path) -> None:
        """Save a classifier into an empty directory.

        Raises:
            PluginError: the plugin failed, or wrote something that no saved model may hold.
            HostError: the operating system refused.

        """
        with self.guarded("save"), explained_libraries(directory):
            classifier.save(directory)
        check_saved(directory, self)

    def telling_words(self, classifier: Classifier, label: int, text: Text | None, count: int) -> list[str]:
        """Return the words that speak for a class, of a text or of all; none if the classifier does not know them."""
        if not isinstance(classifier, TellsWords):
            return []
        with self.guarded("telling_words"):
            return [str(word) for word in classifier.telling_words(label, text, count)][:count]

    def _checked(self, method: str, given: Classifier, labels: Labels | None) -> Classifier:
        missing = [name for name in ("labels", "save", "parameters") if not hasattr(given, name)]
        if missing:
            raise PluginError(f"{self}: {method} gave {kind_of(given)}, which has no {missing[0]}")
        if labels is not None and given.labels != labels:
            own, wanted = (str(one)[:_LONGEST_SHOWN] for one in (given.labels, labels))
            raise PluginError(f"{self}: {method} gave a classifier of {own}, not of {wanted}")
        return given


@dataclass(frozen=True)
class Needs:
    """What a fit will take: steps and epochs, bytes of memory for what hangs on parameters alone, bytes of disk."""

    steps: float
    epochs: float
    memory_bytes: float
    disk_bytes: float


class Needy(BuiltPart[T]):
    """A part that takes those classifiers alone which satisfy its `needs`."""

    @classmethod
    def fault(cls, part: Any) -> str | None:
        """Return why something is not such a part, or None."""
        whole = isinstance(getattr(part, "needs", None), type)
        return super().fault(part) or (None if whole else f"{kind_of(part)}, whose `needs` is not a class or protocol")

    def fits(self, classifier: Classifier) -> bool:
        """Return whether the part takes a classifier."""
        with self.guarded("needs"):
            needs: type[Any] = self.part.needs  # type: ignore[attr-defined]  # `fault` saw that it is there
            return isinstance(classifier, needs)


class BuiltTrainer(Needy[Trainer[Any]]):
    """A trainer."""

    kind = "trainer"
    methods: ClassVar = {"fit": 3, "predict": 3}

    def fit(self, classifier: Classifier, data: Mapping[str, Dataset], run: Run) -> None:
        """Train in place."""
        with self.guarded("fit"):
            self.part.fit(classifier, data, run)

    def predict(self, classifier: Classifier, texts: Sequence[Text], labels: Labels, reporter: Reporter) -> Prediction:
        """Predict in the order given.

        Raises:
            PluginError: the plugin failed, or what it gave is not what the contract says.

        """
        with self.guarded("predict"):
            given = self.part.predict(classifier, cast("Any", texts), reporter)
        return check_prediction(given, len(texts), labels, self)

    def plan_training(self, rows: int, parameters: int) -> Needs | None:
        """Return what a fit will take; None if the trainer cannot say."""
        if not isinstance(self.part, PlansTraining):
            return None
        with self.guarded("plan_training"):
            given = self.part.plan_training(rows, parameters)
            return Needs(*(float(given[name]) for name in ("steps", "epochs", "memory_bytes", "disk_bytes")))

    @property
    def trains_together(self) -> bool:
        """Whether several processes can run the trainer together."""
        return isinstance(self.part, TrainsTogether)

    def assist(self, classifier: Classifier, data: Mapping[str, Dataset], seed: int, reporter: Reporter) -> None:
        """Help the first process to train."""
        with self.guarded("assist"):
            if isinstance(self.part, TrainsTogether):
                self.part.assist(classifier, data, seed, reporter)


class BuiltExporter(Needy[Exporter]):
    """An exporter; the predictors that it opens are bare, and are asked here."""

    kind = "exporter"
    methods: ClassVar = {"export": 4, "load": 2}

    def export(self, classifier: Classifier, directory: Path, texts: Sequence[str], reporter: Reporter) -> None:
        """Export into an empty directory; raises as `BuiltModel.save`."""
        with self.guarded("export"), explained_libraries(directory):
            self.part.export(classifier, directory, texts, reporter)
        check_saved(directory, self)

    def load(self, directory: Path, labels: Labels) -> Predictor:
        """Open what was exported; raises `PluginError` where that is not a predictor."""
        with self.guarded("load"):
            given = self.part.load(directory, labels)
        if not callable(getattr(given, "predict", None)):
            raise PluginError(f"{self}: load gave {kind_of(given)}, which has no predict")
        return given

    def predict(self, predictor: Predictor, texts: Sequence[Text], labels: Labels, reporter: Reporter) -> Prediction:
        """Predict in the order given; as `BuiltTrainer.predict`."""
        with self.guarded("predict"):
            given = predictor.predict(cast("Any", texts), reporter)
        return check_prediction(given, len(texts), labels, self)


class BuiltMetric(BuiltPart[Metric]):
    """A metric."""

    kind = "metric"
    methods: ClassVar = {"compute": 1}

    def compute(self, outcome: Outcome) -> dict[str, float]:
        """Return the scores by name.

        Raises:
            PluginError: the plugin failed, gave something else than finite numbers, or a name that no score may have.

        """
        with self.guarded("compute"):
            return check_scores(self.part.compute(outcome), self)


@dataclass(frozen=True)
class BuiltWatcher(BuiltPart[Watcher]):
    """A watcher; one that is `required` ends the run when it fails."""

    kind = "watcher"
    required: bool = False

    HOOKS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "on_run_start": ("run",),
        "on_step": ("run", "step", "values"),
        "on_evaluate": ("run", "split", "scores"),
        "on_run_end": ("run", "error"),
    }
    """The methods that a watcher may have, with the names of their arguments."""

    @classmethod
    def fault(cls, part: Any) -> str | None:
        """Return why something is not a watcher, or None."""
        return super().fault(part) or watcher_fault(part, cls.HOOKS)

    def tell(self, hook: str, **arguments: object) -> None:
        """Call a method of the watcher, if it has it, with copies of the mappings among the arguments."""
        method = getattr(self.part, hook, None)
        if method is not None:
            own = {key: dict(value) if isinstance(value, Mapping) else value for key, value in arguments.items()}
            with self.guarded(hook):
                method(**own)


class BuiltSearcher(BuiltPart[Searcher]):
    """A searcher."""

    kind = "searcher"
    methods: ClassVar = {"ask": 4}

    def ask(
        self, space: Mapping[str, Range], finished: Sequence[Trial], number: int, seed: int
    ) -> dict[str, Any] | None:
        """Return the values to try next, or None.

        Raises:
            PluginError: the plugin failed, or gave something else than a value for each setting.

        """
        with self.guarded("ask"):
            given = self.part.ask(space, finished, number, seed)
            if given is None:
                return None
            if not isinstance(given, Mapping) or set(given) != set(space):
                raise PluginError(f"{self} must propose a value for each of {', '.join(space)}, not {given!r}")
            return {name: given[name] for name in space}


class BuiltExecutor(BuiltPart[Executor]):
    """An executor; `clsfw.pools` opens it."""

    kind = "executor"
    methods: ClassVar = {"hosts": 0, "open": 3}

    def hosts(self) -> list[Resources]:
        """Return what each host has."""
        with self.guarded("hosts"):
            return list(self.part.hosts())


def takes_pairs(part: object) -> bool:
    """Return whether a model, a classifier or a trainer says that it takes pairs of texts."""
    return isinstance(part, TakesPairs) and part.takes_pairs is True


_ALL = (BuiltSource, BuiltModel, BuiltTrainer, BuiltMetric, BuiltWatcher, BuiltSearcher, BuiltExporter, BuiltExecutor)
BUILT: Mapping[Kind, type[BuiltPart[Any]]] = {built.kind: built for built in _ALL}


def build_part(built: type[B], plugin: Plugin, component: Component[Any], settings: Settings) -> B:
    """Build a component; here its heavy libraries are imported.

    Raises:
        PluginError: the plugin failed, other than by one of clsfw's own errors, or what it built is not such a part.

    """
    doing = f"build of {built.kind} {component.name!r}"
    with guard(plugin, doing):
        part = component.build(settings)
        fault = built.fault(part)
    if fault is not None:
        raise PluginError(f"{plugin}: {doing} gave {fault}{line_of(component.build)}")
    return built(plugin, component.name, part)


def build_from_values(
    built: type[B],
    plugin: Plugin,
    component: Component[Any],
    values: Mapping[str, Any],
    base_of: Callable[[str | None], str | Path] | None = None,
) -> B:
    """Build a component from settings as a table holds them; `base_of` as in `validate`.

    Raises:
        ValidationError: the values do not fit the settings (pydantic's own error).
        PluginError: as for `build_part`.

    """
    return build_part(built, plugin, component, validate(component.settings, values, base_of))
