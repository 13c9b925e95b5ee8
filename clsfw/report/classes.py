"""The classes in the report: what is confused with what, the scores of each class, and of each level of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.contract.component import SPLITS
from clsfw.evidence.levels import levels
from clsfw.evidence.metrics import square_matrix
from clsfw.report import shapes
from clsfw.report.markup import Child, Html, details, percent, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clsfw.evidence.metrics import ClassScores
    from clsfw.report.facts import ReportFacts

MOST_CLASSES = 12
"""More classes are drawn and listed in another way."""
_MOST_PAIRS = 10
_MOST_DOTS = 200
_TWO = 2


def classes(facts: ReportFacts) -> Iterator[Child]:
    """Show the most confused pairs, the matrix, and the scores of each class."""
    labels, many = facts.labels, len(facts.labels) > MOST_CLASSES
    for split, missing in facts.metrics["missing_classes"].items():
        if missing:
            shown = ", ".join(missing[:MOST_CLASSES]) + (" and others" if len(missing) > MOST_CLASSES else "")
            yield tag("p", f"No text of the {split} split has the label {shown}; it counts as 0 in macro scores.")
    if matrix := square_matrix(facts.metrics, facts.split):
        if len(labels) > _TWO:
            yield from _confused(matrix, labels)
        if many:
            yield from _mistakes(matrix, labels)
        else:
            yield tag("h3", "Confusion matrix")
            yield shaded(matrix, labels)
        yield from _beside_published(facts, matrix)
    yield from _each(facts, many=many)
    yield from _levels(facts)


def shaded(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Html:
    """Make a table of true classes down and predicted ones across; the depth of a cell is its share of the class."""
    rows: list[list[Child]] = []
    for i, row in enumerate(matrix):
        total = max(1, sum(row))
        rows.append([labels[i], *(_cell(count, count / total, right=i == j) for j, count in enumerate(row))])
    return table(["true ↓ predicted →", *labels], rows, class_="matrix", name="Confusion matrix")


def _cell(count: int, share: float, *, right: bool) -> Html:
    # The deepest colour leaves the text a contrast of 5 to 1 in light and in dark.
    share_words = tag("small", percent(share, 0) if share in {0.0, 1.0} else percent(share))
    style = f"--share: {100 * share:.1f}%"
    return tag("span", f"{count:,}", share_words, class_="right" if right else "wrong", style=style)


def _confused(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Iterator[Child]:
    pairs = [(count, i, j) for i, row in enumerate(matrix) for j, count in enumerate(row) if count and i != j]
    if pairs:
        most = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:_MOST_PAIRS]
        rows: list[list[Child]] = [
            [labels[i], labels[j], f"{count:,}", percent(count / sum(matrix[i]))] for count, i, j in most
        ]
        yield tag("h3", "Most often confused")
        yield table(["true", "predicted", "texts", "of the true class"], rows, class_="pairs", name="Confused pairs")


def _mistakes(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Iterator[Child]:
    yield tag("h3", "Mistakes by class")
    words = (
        "True classes down, predicted ones across. A larger square means more mistakes; the diagonal is only marked."
    )
    if len(labels) > shapes.MOST_IN_MATRIX:
        words += f" Shown are the {shapes.MOST_IN_MATRIX} of {len(labels)} classes with the most mistakes."
    picture = tag("div", shapes.mistakes_matrix(matrix, labels), **_scroll("Mistakes by class"))
    yield tag("figure", picture, tag("figcaption", f"{words} Similar classes are side by side."))


def _scroll(name: str) -> dict[str, str]:
    return {"class_": "scroll", "tabindex": "0", "role": "group", "aria_label": name}


def _beside_published(facts: ReportFacts, matrix: Sequence[Sequence[int]]) -> Iterator[Child]:
    """Show the published counts in brackets behind the run's own; they are not judged, the scores follow from them."""
    given = facts.record.get("verdict")
    matrices = given["confusion_matrices"].get(facts.split) if given else None
    if not matrices or len(matrices["expected"]) != len(matrix) or len(matrix) > MOST_CLASSES:
        return
    rows = [
        [label, *(f"{own:,} ({published:,})" for own, published in zip(*counts, strict=True))]
        for label, counts in zip(facts.labels, zip(matrix, matrices["expected"], strict=True), strict=True)
    ]
    yield tag("h3", "Beside the published counts (in brackets)")
    yield table(["true", *(f"predicted {label}" for label in facts.labels)], rows)


def _each(facts: ReportFacts, *, many: bool) -> Iterator[Child]:
    each, sizes = list(facts.classes.items()), _sizes(facts)
    others = [f"{split} texts" for split in sizes if split != facts.split]
    head = ["class", "precision", "recall", "F1", "95 % interval of F1", f"{facts.split} texts", *others]

    def row(label: str, scores: ClassScores) -> list[Child]:
        counts = (f"{sizes[split].get(label, 0):,}" for split in sizes if split != facts.split)
        return [*_class_row(label, scores), *counts]

    yield tag("h3", "Each class")
    if not many:
        yield table(head, [row(*item) for item in each], name="Each class")
        return
    drawn = sorted(each, key=lambda item: (item[1]["f1"], item[0]))[:_MOST_DOTS]
    words = f"F1 of the {len(drawn)} weakest classes" if len(drawn) < len(each) else f"F1 of {len(each)} classes"
    picture = tag("div", shapes.dots(dict(drawn)), **_scroll(words))
    yield tag("figure", picture, tag("figcaption", f"{words}, the weakest first, with 95 % intervals."))
    yield details(f"All {len(each)} classes as a table", table(head, [row(*item) for item in each], name="All classes"))


def _sizes(facts: ReportFacts) -> dict[str, dict[str, int]]:
    found = facts.record.get("data", {}).get("splits", {})
    return {split: found[split]["labels"] for split in SPLITS if split in found and found[split]["labels"]}


def _class_row(label: str, scores: ClassScores) -> list[Child]:
    numbers = [f"{scores['precision']:.4f}", f"{scores['recall']:.4f}", f"{scores['f1']:.4f}"]
    limits = scores["intervals"].get("f1")
    return [label, *numbers, f"{limits[0]:.4f} to {limits[1]:.4f}" if limits else "", f"{scores['support']:,}"]


def _levels(facts: ReportFacts) -> Iterator[Child]:
    """Show what the scores are where names such as `a/b/c` are cut after their first parts."""
    matrix = square_matrix(facts.metrics, facts.split)
    found = levels(facts.labels, matrix) if matrix else []
    if not found:
        return
    yield tag("h3", "By level of the names")
    yield table(
        ["level", "classes", "accuracy", "macro precision", "macro recall", "macro F1"],
        [
            [f"{level.depth}", f"{len(level.classes)}", *(f"{level.macro[name]:.4f}" for name in level.macro)]
            for level in found
        ],
        name="Scores by level",
    )
    head = ["class", "precision", "recall", "F1", f"{facts.split} texts"]
    for level in found[:-1]:  # the last level is that of the classes themselves
        rows = [
            [name, *(f"{scores[key]:.4f}" for key in ("precision", "recall", "f1")), f"{scores['support']:,}"]
            for name, scores in level.classes.items()
        ]
        listed = table(head, rows, name=f"Level {level.depth}")
        few = len(rows) <= MOST_CLASSES
        yield (
            Html(tag("h3", f"Level {level.depth}").text + listed.text)
            if few
            else details(f"Level {level.depth}: {len(rows)} classes", listed)
        )


def words(facts: ReportFacts) -> Iterator[Child]:
    """Show the words that speak most for each class, where the model knows them."""
    if not facts.words.by_class:
        return
    rows = [[label, ", ".join(words)] for label, words in facts.words.by_class.items()]
    listed = table(["class", "speaks for it, the strongest first"], rows, class_="told", name="Words that decide")
    yield listed if len(rows) <= MOST_CLASSES else details(f"The words of {len(rows)} classes", listed)
