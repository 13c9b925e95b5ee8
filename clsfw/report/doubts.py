"""The second part of the report: what a careful reader asks next. Lengths, confidence, leaks, and parts of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from clsfw.evidence.metrics import overlaps
from clsfw.kit.pairs import PAIR
from clsfw.report import plots
from clsfw.report.markup import Child, details, percent, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clsfw.evidence.metrics import Leaks, TextCounts, Thresholds
    from clsfw.report.facts import ReportFacts


def lengths(facts: ReportFacts) -> Iterator[Child]:
    """Show how long the texts are, and how many were cut."""
    found = facts.metrics["truncation"][facts.split]
    tokens, histogram = found["tokens"], found["histogram"]
    if found["truncated"]:
        share = percent(found["share"])
        cut = f"{found['truncated']:,} of {found['rows']:,} texts ({share}) are longer than the model reads"
    else:
        cut = f"None of the {found['rows']:,} texts is longer than the model reads"
    yield tag("p", f"{cut}. The median text has {tokens['median']:,.0f} tokens, the longest {tokens['max']:,}.")
    if found["truncated"] and (losses := found.get("sides")):
        names = _sides(facts)
        rows = [[names[side], f"{loss['truncated']:,}", f"{loss['tokens']:.1f}"] for side, loss in losses.items()]
        yield table(["of each pair", "cut", "tokens lost, the mean of those"], rows)
    limit = facts.recipe_values.get("model", {}).get("max_length")
    drawn = float(limit) if found["truncated"] and isinstance(limit, int) else None
    yield tag("figure", plots.lengths(histogram["edges"], histogram["counts"], drawn))


def confidence(facts: ReportFacts) -> Iterator[Child]:
    """Show whether probabilities mean what they say, and what other thresholds would do."""
    found = facts.metrics["calibration"][facts.split]
    total = sum(part["rows"] for part in found["bins"]) or 1
    says, right = (
        sum(part["rows"] * part[key] for part in found["bins"]) / total for key in ("confidence", "accuracy")
    )
    words = (
        f"The model says {percent(says)} on average and is right for {percent(right)}. Over bands of confidence "
        f"the two differ by {100 * found['ece']:.1f} points on average (expected calibration error {found['ece']:.4f})."
    )
    before, temperature = found.get("before_scaling"), facts.metrics["decision"]["temperature"]
    if before and temperature is not None:
        words += (
            f" The probabilities are scaled by the temperature {temperature:.3f}, fitted on the validation split; "
            f"without it the error was {before['ece']:.4f}."
        )
    yield tag("p", words)
    thresholds = facts.metrics.get("thresholds", {}).get(facts.split)
    numbers: list[Sequence[Child]] = [
        ["log loss", f"{found['log_loss']:.4f}"],
        ["Brier score", f"{found['brier']:.4f}"],
    ]
    if thresholds and thresholds["roc_auc"] is not None:
        numbers.append(["area under the ROC curve", f"{thresholds['roc_auc']:.4f}"])
    dots = "On the dashed line a confidence means what it says. A larger dot stands for more texts."
    pictures = [
        tag("figure", plots.reliability(found["bins"]), tag("figcaption", dots)),
        tag("figure", plots.confidences(found["bins"])),
    ]
    curves = plots.curves(facts.predictions) if thresholds and facts.predictions is not None else None
    if curves:
        pictures += [tag("figure", picture) for picture in curves]
    yield tag("div", *pictures, class_="pair")
    yield table(["score", facts.split], numbers, name="Scores of the probabilities")
    if thresholds:
        yield from _thresholds(thresholds)


def _thresholds(found: Thresholds) -> Iterator[Child]:
    tuned = found.get("tuned")
    if tuned:
        yield tag(
            "p",
            f"The threshold {tuned['threshold']:.4f} decides, chosen on the validation split; "
            f"with it accuracy is {tuned['accuracy']:.4f} and macro F1 {tuned['macro_f1']:.4f}.",
        )
    rows = [
        [
            f"{line['threshold']:.2f}",
            f"{line['accuracy']:.4f}",
            f"{line['precision']:.4f}",
            f"{line['recall']:.4f}",
            f"{line['f1']:.4f}",
            f"{line['macro_f1']:.4f}",
        ]
        for line in found["table"]
    ]
    yield details(
        "Other thresholds",
        tag("p", f"Answering “{found['positive']}” where its probability is at least the threshold:"),
        table(["threshold", "accuracy", "precision", "recall", "F1", "macro F1"], rows, name="Other thresholds"),
        tag(
            "p", tag("small", "For information: a threshold picked from this table would be tuned on these very rows.")
        ),
    )


def _sides(facts: ReportFacts) -> dict[str, str]:
    """Return what the data calls both texts of a pair."""
    rows = facts.record.get("data", {}).get("rows", {})
    return {
        "text": " and ".join(rows.get("text_columns", ())) or "first text",
        PAIR: rows.get("text_pair_column") or "second text",
    }


def leaks(facts: ReportFacts) -> Iterator[Child]:
    """Show which texts are where they should not be, and what that does to the score."""
    found = facts.metrics["leaks"]
    what = "pair" if "sides" in found else "text"
    counted: dict[str, TextCounts] = {}
    for earlier, later, count in overlaps(found):
        counted[f"{later} {what}s that are also in {earlier}"] = count
    counted[f"{what}s with two labels"] = found["two_labels"]
    if "duplicates_in_train" in found:
        counted[f"repeated {what}s in train"] = found["duplicates_in_train"]
    rows: list[Sequence[Child]] = [
        [words, f"{count['exact']:,}", f"{count['folded']:,}"] for words, count in counted.items() if count["folded"]
    ]
    by_side = [
        [
            f"{later} rows whose {_sides(facts)[side]} is also in {earlier}",
            f"{count['exact']:,}",
            f"{count['folded']:,}",
        ]
        for side, between in found.get("sides", {}).items()
        for earlier, later, count in overlaps(cast("Leaks", between))
        if count["folded"]
    ]
    without = found.get("test_without_leaks")
    if without and not without["leaked_rows"]:
        yield tag("p", f"No test {what} is in training or validation, compared without case, spacing and HTML breaks.")
    if rows:
        yield table(["", "exactly equal", "ignoring case, spacing and HTML breaks"], rows, name=f"Repeated {what}s")
    if by_side:
        titles = ["one side of a pair alone", "exactly equal", "ignoring case, spacing and HTML breaks"]
        yield table(titles, by_side, name="Repeated sides of pairs")
    if not without or not without["leaked_rows"]:
        return
    leaked, clean, with_leaks = without["leaked_rows"], without["scores"], without["scores_with_leaks"]
    if clean is None:
        yield tag("p", f"Every test {what} was seen before the test, so there are no scores without them.")
        return
    yield tag(
        "p", f"Scores without the {leaked:,} test {what}{'s that were' if leaked > 1 else ' that was'} seen before:"
    )
    pairs = {
        "accuracy": (with_leaks["accuracy"], clean["accuracy"]),
        "macro precision": (with_leaks["precision"], clean["precision"]),
        "macro recall": (with_leaks["recall"], clean["recall"]),
        "macro F1": (with_leaks["f1"], clean["f1"]),
    }
    yield table(
        ["score", f"all test {what}s", "unseen ones only", "difference"],
        [[name, f"{every:.4f}", f"{unseen:.4f}", f"{unseen - every:+.4f}"] for name, (every, unseen) in pairs.items()],
        name="Scores without seen texts",
    )
    yield tag("p", tag("small", 'In the recipe, [split] group_by = "text" keeps equal texts together.'))


def parts(facts: ReportFacts) -> Iterator[Child]:
    """Show the scores of short and long texts, and of other parts; one part alone would repeat the whole."""
    titles = {"tokens": "By length in tokens", "truncated": f"By whether the {facts.unit} was cut"}
    titles |= {f"truncated {side}": f"By whether {name} was cut" for side, name in _sides(facts).items()}
    several = {way: found for way, found in facts.metrics["slices"][facts.split].items() if len(found) > 1}
    for way, found in several.items():
        rows = [
            [
                part["value"],
                f"{part['rows']:,}",
                f"{part['accuracy']:.4f}",
                f"{part['interval'][0]:.4f} to {part['interval'][1]:.4f}",
                f"{part['f1']:.4f}",
            ]
            for part in found
        ]
        shown = titles.get(way, f"By {way}")
        yield tag("h3", shown)
        yield table(["part", f"{facts.unit}s", "accuracy", "95 % interval of accuracy", "macro F1"], rows, name=shown)
    if several:
        words = "Intervals of single parts by Wilson's formula. With many parts one will look bad by chance."
        yield tag("p", tag("small", words))
