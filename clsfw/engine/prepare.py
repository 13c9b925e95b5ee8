"""What a run needs before its directory exists: the data, cut and counted, and the model's files, checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clsfw.discovery.parts import takes_pairs
from clsfw.engine.splits import make_splits
from clsfw.errors import Place, Problem, RecipeError
from clsfw.evidence.decision import check_options
from clsfw.kit.data import labels_of
from clsfw.kit.labels import label_counts
from clsfw.kit.pairs import PAIR, fingerprint, texts_of
from clsfw.report.display import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets import Dataset

    from clsfw.contract.parts import Classifier, Labels
    from clsfw.discovery.parts import BuiltPart, BuiltSource, BuiltTrainer
    from clsfw.recipe.plan import Parts, Plan
    from clsfw.report.display import Display


@dataclass(frozen=True)
class PreparedData:
    """The splits by name, checked; `facts` are rows and label counts of each split, and where the data came from."""

    labels: Labels
    parts: Mapping[str, Dataset]
    facts: Mapping[str, Any]

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The hash of each split, for which all of it is read."""
        return {name: fingerprint(part) for name, part in self.parts.items()}

    def record(self) -> dict[str, Any]:
        """Return what goes into run.json: the facts with the hashes."""
        splits = {name: {**told, "sha256": self.hashes[name]} for name, told in self.facts["splits"].items()}
        return {**self.facts, "splits": splits}


def prepare_data(plan: Plan, source: BuiltSource, display: Display) -> PreparedData:
    """Read and cut the data.

    Raises:
        DataError: the data cannot be read or cut as asked.
        RecipeError: a setting does not fit the data's labels.
        PluginError: the data source broke its contract.

    """
    display.stage("reading the data")
    if (joint := source.join_columns(lambda: plan.model.build().separator())) is not None:
        display.note(f"texts of several columns are joined by {joint!r}")
    given = source.load(display)
    labels = labels_of(given, source.plugin)
    plan.check_labels(labels)
    parts = make_splits(given, plan.recipe.split, labels, plan.recipe.seed, source.plugin)
    check_options(plan.recipe.evidence, labels, parts)
    splits: dict[str, dict[str, Any]] = {
        name: {"rows": len(part), "labels": label_counts(part, labels)} for name, part in parts.items()
    }
    facts: dict[str, Any] = {"labels": list(labels.names), "multi_label": labels.multi_label, "splits": splits}
    if PAIR in parts["train"].column_names:
        facts["pairs"] = True
    if provenance := source.provenance():
        facts["provenance"] = provenance
    if (rows := source.row_format()) is not None:
        facts["rows"] = asdict(rows)
    sizes = " · ".join(f"{split['rows']:,} {name}" for name, split in splits.items())
    display.note(f"{sizes} · {len(labels.names):,} classes")
    display.note(f"train: {counted(splits['train']['labels'])}")
    return PreparedData(labels, parts, facts)


def start_classifier(plan: Plan, parts: Parts, labels: Labels, train: Dataset, display: Display) -> Classifier:
    """Start a classifier for the training data that the plan's trainer can train.

    Raises:
        RecipeError: the parts do not fit together, or not the data.
        ModelError: the model cannot be started.

    """
    if PAIR in train.column_names:
        _check_pairs(plan, parts.model, parts.model.part)
        _check_pairs(plan, parts.trainer, parts.trainer.part)
    classifier = parts.model.create(labels, texts_of(train), plan.recipe.seed, display)
    _check_fit(plan, parts.trainer, classifier)
    if PAIR in train.column_names:
        _check_pairs(plan, parts.model, classifier)
    return classifier


def _check_pairs(plan: Plan, part: BuiltPart[Any], taker: object) -> None:
    if not takes_pairs(taker):
        place = Place(plan.origins[f"{part.kind}.use"])
        message = (
            f"{part.kind} {part.name!r} does not take pairs of texts, which [data] gives; change it or its settings"
        )
        raise RecipeError([Problem(place, message, f"[{part.kind}]")])


def _check_fit(plan: Plan, trainer: BuiltTrainer, classifier: Classifier) -> None:
    """See that the trainer can train this kind of classifier.

    Raises:
        RecipeError: the two parts do not fit.

    """
    if trainer.fits(classifier):
        return
    needs = trainer.part.needs
    what = (needs.__doc__ or needs.__name__).strip().partition(":")[0].partition("\n")[0].rstrip(".")
    message = f"trainer {trainer.name!r} needs {what[:1].lower()}{what[1:]}; {plan.model.component.name!r} is not one"
    raise RecipeError([Problem(Place(plan.origins["trainer.use"]), message, "[trainer]")])
