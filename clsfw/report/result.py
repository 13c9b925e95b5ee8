"""The first part of the report: the verdict, the scores with their limits, the classes, and the course of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clsfw.evidence.metrics import square_matrix
from clsfw.evidence.tally import MACRO
from clsfw.report import plots
from clsfw.report.markup import Child, Html, details, join, percent, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.evidence.content import CheckRecord
    from clsfw.evidence.metrics import ClassScores
    from clsfw.report.facts import ReportFacts

_TONES = {"REPRODUCED": "good", "NOT REPRODUCED": "bad", "NOT COMPARABLE": "open"}
_MOST_CLASSES = 12
_MOST_PAIRS = 10
_TWO = 2


def verdict(facts: ReportFacts) -> Html:
    """Say whether the published result was reached."""
    given = facts.record.get("verdict")
    if not given:
        words = tag("p", "The recipe states no published result, so there is none to hold this run against.")
        return tag("div", words, class_="verdict plain")
    parts: list[Child] = [tag("strong", given["status"])]
    checks = given["checks"]
    if given["status"] == "REPRODUCED":
        what = "the published number" if len(checks) == 1 else f"all {len(checks)} published numbers"
        parts.append(tag("p", f"The run meets {what} within the stated tolerance."))
    elif given["status"] == "NOT REPRODUCED":
        parts.append(tag("p", f"{len(given['misses'])} of {len(checks)} published numbers were missed:"))
        parts.append(_bullets(given["misses"]))
    else:
        parts.append(tag("p", "This run is not the recipe's own, so its numbers say nothing about the published ones:"))
        parts.append(_bullets(given["reasons"]))
    if given.get("source"):
        parts.append(tag("p", tag("small", f"Published: {given['source']}")))
    if len(checks) > 1:
        rows = [[check["what"], *_beside(check), _number(check["found"])] for check in checks]
        parts.append(details(f"all {len(checks)} checks", table(["", "published", "distance", "this run"], rows)))
    return tag("div", *parts, class_=f"verdict {_TONES.get(given['status'], 'plain')}")


def _bullets(lines: Sequence[str]) -> Html:
    return tag("ul", *(tag("li", line) for line in lines))


def scores(facts: ReportFacts) -> Iterator[Child]:
    """Show every score with its 95 % limits and the published value."""
    limits = facts.limits
    given = facts.record.get("verdict")
    wanted = {check["what"]: check for check in given["checks"]} if given else {}
    published = {name: wanted[f"{facts.split} {name}"] for name in facts.scores if f"{facts.split} {name}" in wanted}
    yield tag("p", _headline(facts))
    axis = _axis([*facts.scores.values(), *(edge for name in facts.scores for edge in limits.get(name, []))])
    rows = []
    for name, value in facts.scores.items():
        row: list[Child] = [name.replace("_", " "), f"{value:.4f}", _between(limits.get(name))]
        row.append(_strip(value, limits[name], axis, published.get(name)) if name in limits else "")
        if published:
            row += _beside(published.get(name))
        rows.append(row)
    head = ["", facts.split, "95 % interval", "", *(["published", "distance"] if published else [])]
    yield table(head, rows)
    yield tag("p", tag("small", _explanation(facts)))


def _headline(facts: ReportFacts) -> Child:
    limits = facts.limits.get("accuracy")
    value = facts.scores.get("accuracy")
    texts = f"{facts.rows:,} {facts.split} texts"
    if value is None or limits is None:
        return f"Scores on {texts}."
    return join(
        [
            tag("strong", f"{percent(value, 2)} of {texts} are right"),
            ". Other texts of the same kind would give a share between ",
            f"{percent(limits[0], 2)} and {percent(limits[1], 2)} (95 % interval).",
        ]
    )


def _explanation(facts: ReportFacts) -> str:
    words = "Intervals by the bootstrap over the rows; they tell the luck of the texts drawn, not that of the seed. "
    if len(facts.limits) < len(MACRO):
        words += "A score whose limits coincide has none; if all rows are right, or all wrong, accuracy has Wilson's. "
    if matrix := square_matrix(facts.metrics, facts.split):
        sums = [sum(row) for row in matrix]
        most = max(range(len(sums)), key=sums.__getitem__)
        words += (
            f"Always answering “{facts.labels[most]}” would be right for {percent(sums[most] / max(1, sum(sums)), 2)}."
        )
    return words


def _beside(check: CheckRecord | None) -> list[Child]:
    if check is None:
        return ["", ""]
    published, distance = f"{check['expected']:.4f} ± {check['tolerance']:g}", check["distance"]
    if distance is None:
        return [published, "no such score"]
    return [published, f"{distance:+.4f}" if check["held"] else f"{distance:+.4f}, missed"]


def _axis(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = max((high - low) * 0.1, 1e-6)
    return low - margin, high + margin


def _strip(value: float, limits: Sequence[float], axis: tuple[float, float], check: CheckRecord | None) -> Html:
    """Draw the interval as a line, the score as a dot, and the published value as a stroke across."""

    def at(number: float) -> str:
        return f"{min(100.0, max(0.0, 100 * (number - axis[0]) / (axis[1] - axis[0]))):.1f}%"

    line = tag("line", x1=at(limits[0]), x2=at(limits[1]), y1="50%", y2="50%", stroke="var(--first)", stroke_width="2")
    dot = tag("circle", cx=at(value), cy="50%", r="4", fill="var(--first)")
    parts = [line, dot]
    if check is not None:
        x = at(check["expected"])
        parts.append(tag("line", x1=x, x2=x, y1="10%", y2="90%", stroke="var(--second)", stroke_width="2"))
    return tag("svg", *parts, class_="strip", aria_hidden="true")


def classes(facts: ReportFacts) -> Iterator[Child]:
    """Show the confusion matrix as a picture, and the scores of each class."""
    labels = facts.labels
    if matrix := square_matrix(facts.metrics, facts.split):
        if len(labels) <= plots.MOST_DRAWN:
            yield tag("figure", plots.confusion_matrix(matrix, labels))
        if plots.MOST_NAMED < len(labels) <= plots.MOST_DRAWN:
            yield tag("p", tag("small", "The classes are numbered as in the list of all of them."))
        yield from _beside_published(facts, matrix)
        if len(labels) > _TWO:
            yield from _confused(matrix, labels)
    for split, missing in facts.metrics["missing_classes"].items():
        if missing:
            shown = ", ".join(missing[:_MOST_CLASSES]) + (" and others" if len(missing) > _MOST_CLASSES else "")
            yield tag(
                "p", f"No text of the {split} split has the label {shown}; such a class counts 0 in macro scores."
            )
    each = list(facts.classes.items())
    head = ["class", "precision", "recall", "F1", "95 % of F1", "texts"]
    if len(each) <= _MOST_CLASSES:
        yield table(head, [_class_row(*item) for item in each])
        return
    weakest = sorted(each, key=lambda item: (item[1]["f1"], item[0]))[:_MOST_CLASSES]
    yield tag("h3", f"The {_MOST_CLASSES} weakest of {len(each)} classes")
    yield table(head, [_class_row(*item) for item in weakest])
    numbered = [_class_row(f"{i}: {label}", scores) for i, (label, scores) in enumerate(each)]
    yield details(f"all {len(each)} classes", table(head, numbered))


def _beside_published(facts: ReportFacts, matrix: Sequence[Sequence[int]]) -> Iterator[Child]:
    """Show the published counts in brackets behind the run's own; they are not judged, the scores follow from them."""
    given = facts.record.get("verdict")
    matrices = given["confusion_matrices"].get(facts.split) if given else None
    if not matrices or len(matrices["expected"]) != len(matrix) or len(matrix) > _MOST_CLASSES:
        return
    rows = [
        [label, *(f"{own:,} ({published:,})" for own, published in zip(*counts, strict=True))]
        for label, counts in zip(facts.labels, zip(matrix, matrices["expected"], strict=True), strict=True)
    ]
    yield tag("h3", "Beside the published counts (in brackets)")
    yield table(["true", *(f"predicted {label}" for label in facts.labels)], rows)


def _class_row(label: str, scores: ClassScores) -> list[Child]:
    numbers = [f"{scores['precision']:.4f}", f"{scores['recall']:.4f}", f"{scores['f1']:.4f}"]
    return [label, *numbers, _between(scores["intervals"].get("f1")), f"{scores['support']:,}"]


def _between(limits: Sequence[float] | None) -> str:
    return "" if limits is None else f"{limits[0]:.4f} to {limits[1]:.4f}"


def _confused(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Iterator[Child]:
    pairs = [(count, i, j) for i, row in enumerate(matrix) for j, count in enumerate(row) if count and i != j]
    if pairs:
        most = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))[:_MOST_PAIRS]
        yield tag("h3", "Most often confused")
        yield table(["true", "predicted", "texts"], [[labels[i], labels[j], f"{count:,}"] for count, i, j in most])


def training(facts: ReportFacts) -> Iterator[Child]:
    """Show the curves of loss and score, and the table of evaluations."""
    steps = [line for line in facts.history if "split" not in line]
    evaluations = [line for line in facts.history if line.get("split") == "validation"]
    if len({line["step"] for line in facts.history}) < _TWO:
        yield tag("p", "This trainer fits the model in one step, so there is no course to draw.")
    else:
        yield tag("div", *_curves(facts, steps, evaluations), class_="pair")
    yield from _best(facts)
    if evaluations:
        names = [key for key in evaluations[0] if key not in {"step", "split", "loss"}]
        head: list[Child] = ["step", "training loss", "validation loss", *(key.replace("_", " ") for key in names)]
        rows = [
            [f"{line['step']}", _number(_last_loss(steps, line["step"])), _number(line.get("loss"))]
            + [_number(line.get(key)) for key in names]
            for line in evaluations
        ]
        several = len(evaluations) > 1
        yield details(f"all {len(evaluations)} evaluations", table(head, rows)) if several else table(head, rows)


def _best(facts: ReportFacts) -> Iterator[Child]:
    best = (facts.record.get("training") or {}).get("best_step")
    if best is None:
        return
    words = f"Step {best} was the best on the validation split"
    kept = facts.recipe_values.get("trainer", {}).get("load_best_model_at_end")
    if kept is not None:  # else the trainer has another way, which only it knows
        words += "; the model has its weights" if kept else "; the model has the weights of the last step"
    yield tag("p", f"{words}.")


def _curves(
    facts: ReportFacts, steps: Sequence[Mapping[str, Any]], evaluations: Sequence[Mapping[str, Any]]
) -> Iterator[Child]:
    losses = {
        "training": [(line["step"], line["loss"]) for line in steps if "loss" in line],
        "validation": [(line["step"], line["loss"]) for line in evaluations if "loss" in line],
    }
    if any(losses.values()):
        yield tag("figure", plots.losses(losses))
    name = next((name for name in ("f1", "accuracy") if any(name in line for line in evaluations)), None)
    if name is not None:
        points = [(line["step"], line[name]) for line in evaluations if name in line]
        yield tag("figure", plots.course(name, points, _published(facts, name)))


def _published(facts: ReportFacts, name: str) -> list[tuple[float, float]]:
    history = (facts.recipe_values.get("expect") or {}).get("history") or {}
    return list(zip(history.get("steps", ()), history.get(name, ()), strict=False))


def _last_loss(steps: Sequence[Mapping[str, Any]], step: int) -> float | None:
    before = [line["loss"] for line in steps if line["step"] <= step and "loss" in line]
    return before[-1] if before else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
