"""The first part of the report: the verdict, the headline, the scores with their limits, and the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clsfw.evidence.metrics import square_matrix
from clsfw.evidence.tally import MACRO
from clsfw.report import plots, shapes
from clsfw.report.markup import Child, Html, details, percent, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.evidence.content import CheckRecord, VerdictRecord
    from clsfw.report.facts import ReportFacts

_TONES = {"REPRODUCED": "good", "NOT REPRODUCED": "bad", "NOT COMPARABLE": "open"}
_TWO = 2


def verdict(given: VerdictRecord) -> Html:
    """Return whether the published result was reached."""
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
        parts.append(details(f"All {len(checks)} checks", table(["number", "published", "distance", "this run"], rows)))
    return tag("div", *parts, class_=f"verdict {_TONES.get(given['status'], 'plain')}")


def _bullets(lines: Sequence[str]) -> Html:
    return tag("ul", *(tag("li", line) for line in lines))


def headline(facts: ReportFacts) -> Html:
    """Say in one sentence how many texts are right, and what that says of all such texts."""
    limits = facts.limits.get("accuracy")
    value = facts.accuracy
    texts = f"{facts.rows:,} {facts.split} {facts.unit}{'s' if facts.rows > 1 else ''}"
    if value is None or limits is None:
        return tag("p", f"Scores on {texts}.", class_="headline")
    return tag(
        "p",
        tag("strong", f"{percent(value)} of {texts} are right."),
        f" The accuracy on all {facts.unit}s of this kind is likely between ",
        f"{percent(limits[0])} and {percent(limits[1])} (95 % confidence interval).",
        class_="headline",
    )


def scores(facts: ReportFacts) -> Iterator[Child]:
    """Show every score with its 95 % limits and the published value."""
    limits = facts.limits
    given = facts.record.get("verdict")
    wanted = {check["what"]: check for check in given["checks"]} if given else {}
    published = {name: wanted[f"{facts.split} {name}"] for name in facts.scores if f"{facts.split} {name}" in wanted}
    axis = _axis([*facts.scores.values(), *(edge for name in facts.scores for edge in limits.get(name, []))])
    rows = []
    for name, value in facts.scores.items():
        row: list[Child] = [facts.title(name), f"{value:.4f}", ""]
        if name in limits:
            check = published.get(name)
            drawn = shapes.strip(value, limits[name], axis, check["expected"] if check else None)
            row[2] = tag("span", f"{limits[name][0]:.4f} to {limits[name][1]:.4f}", drawn, class_="interval")
        rows.append([*row, *(_beside(published.get(name)) if published else [])])
    head = ["score", facts.split, "95 % interval", *(["published", "distance"] if published else [])]
    yield table(head, rows, name="Scores")
    yield tag("p", tag("small", _explanation(facts)))


def _explanation(facts: ReportFacts) -> str:
    words = "Intervals by resampling the test rows (bootstrap). They reflect which texts were sampled, not the seed. "
    if len(facts.limits) < len(MACRO):
        words += "A score that resampling does not move has none; an accuracy of 0 or 1 has Wilson's. "
    if any(facts.title(name).startswith("macro") for name in facts.scores):
        words += "Macro scores are plain means over the classes. "
    if matrix := square_matrix(facts.metrics, facts.split):
        sums = [sum(row) for row in matrix]
        most = max(range(len(sums)), key=sums.__getitem__)
        share = percent(sums[most] / max(1, sum(sums)))
        words += f"Always answering “{facts.labels[most]}”, the largest class, would be right for {share}."
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


def training(facts: ReportFacts) -> Iterator[Child]:
    """Show the curves of loss and score, and the table of evaluations."""
    steps = [line for line in facts.history if "split" not in line]
    evaluations = [line for line in facts.history if line.get("split") == "validation"]
    if len({line["step"] for line in facts.history}) < _TWO:
        yield from _one_step(evaluations)
        return
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
        listed = table(head, rows, name="Evaluations")
        yield details(f"All {len(evaluations)} evaluations", listed) if several else listed


def _one_step(evaluations: Sequence[Mapping[str, Any]]) -> Iterator[Child]:
    """Say what a model that is fitted in one step scores on validation; there is no curve to draw."""
    for line in evaluations:
        values = [f"{key.replace('_', ' ')} {value:.4f}" for key, value in line.items() if key not in {"step", "split"}]
        yield tag("p", f"The model was fitted in one step. On the validation split: {', '.join(values)}.")


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
    rates = [(line["step"], line["learning_rate"]) for line in steps if "learning_rate" in line]
    if len(rates) > 1:
        yield tag("figure", plots.rates(rates))


def _published(facts: ReportFacts, name: str) -> list[tuple[float, float]]:
    history = (facts.recipe_values.get("expect") or {}).get("history") or {}
    return list(zip(history.get("steps", ()), history.get(name, ()), strict=False))


def _last_loss(steps: Sequence[Mapping[str, Any]], step: int) -> float | None:
    before = [line["loss"] for line in steps if line["step"] <= step and "loss" in line]
    return before[-1] if before else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
