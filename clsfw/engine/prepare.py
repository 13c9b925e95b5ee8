"""What a run needs before its directory exists: the data, cut and counted, and the model's files, checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clsfw.engine.splits import fingerprint, label_counts, labels_of, make_splits
from clsfw.errors import Place, Problem, RecipeError
from clsfw.evidence.decision import check_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets import Dataset

    from clsfw.contract.parts import Classifier, Labels
    from clsfw.discovery.parts import BuiltSource, BuiltTrainer
    from clsfw.recipe.plan import Plan
    from clsfw.report.display import Display

_MOST_COUNTED = 4  # classes
_LONGEST = 30  # characters of a label


@dataclass(frozen=True)
class PreparedData:
    """The splits by name, checked.

    `facts` goes into run.json: rows, label counts and hash of each split, and where the data came from.
    """

    labels: Labels
    parts: Mapping[str, Dataset]
    facts: Mapping[str, Any]

    def hashes(self) -> dict[str, str]:
        """Return the hash of each split."""
        return {name: split["sha256"] for name, split in self.facts["splits"].items()}


def prepare_data(plan: Plan, source: BuiltSource, display: Display) -> PreparedData:
    """Read and cut the data.

    Raises:
        DataError: the data cannot be read or cut as asked.
        RecipeError: a setting does not fit the data's labels.
        PluginError: the data source broke its contract.

    """
    display.stage("reading the data")
    if source.wants_separator:
        separator = plan.model.build().separator() or "\n"
        source.join_by(separator)
        display.note(f"texts of several columns are joined by {separator!r}")
    given = source.load(display)
    labels = labels_of(given, source.plugin)
    plan.check_labels(labels)
    parts = make_splits(given, plan.recipe.split, labels, plan.recipe.seed, source.plugin)
    check_options(plan.recipe.evidence, labels, parts)
    splits: dict[str, dict[str, Any]] = {
        name: {"rows": len(part), "labels": label_counts(part, labels), "sha256": fingerprint(part)}
        for name, part in parts.items()
    }
    facts: dict[str, Any] = {"labels": list(labels.names), "multi_label": labels.multi_label, "splits": splits}
    if provenance := source.provenance():
        facts["provenance"] = provenance
    if (rows := source.row_format()) is not None:
        facts["rows"] = asdict(rows)
    counted = " · ".join(f"{split['rows']:,} {name}" for name, split in splits.items())
    display.note(f"{counted} · {len(labels.names):,} classes")
    display.note(f"train: {_counted(splits['train']['labels'])}")
    return PreparedData(labels, parts, facts)


def check_fit(plan: Plan, trainer: BuiltTrainer, classifier: Classifier) -> None:
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


def _counted(counts: Mapping[str, int]) -> str:
    """Write how many rows the classes have, the largest first; of many only the largest and the smallest."""
    by_size = [
        f"{_cut(label)} {count:,}" for label, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    if len(by_size) <= _MOST_COUNTED:
        return ", ".join(by_size)
    return f"from {by_size[0]} down to {by_size[-1]}"


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[:_LONGEST]}..."
