"""The second part of the report: what a careful reader asks next. Lengths, confidence, leaks, parts, mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.evidence.metrics import overlaps
from clsfw.report import plots
from clsfw.report.markup import Child, Html, details, percent, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clsfw.evidence.metrics import Mistake, Thresholds
    from clsfw.report.facts import ReportFacts

SHOWN_MISTAKES = 20
LONGEST_TEXT = 1500
"""Characters of a wrong text that the report shows."""


def lengths(facts: ReportFacts) -> Iterator[Child]:
    """Show how long the texts are, and how many were cut."""
    found = facts.metrics["truncation"][facts.split]
    tokens, histogram = found["tokens"], found["histogram"]
    if found["truncated"]:
        share = percent(found["share"])
        cut = f"{found['truncated']:,} of {found['rows']:,} texts ({share}) are longer than the model reads"
    else:
        cut = f"No text of {found['rows']:,} was cut"
    yield tag("p", f"{cut}. The median text has {tokens['median']:,.0f} tokens, the longest {tokens['max']:,}.")
    limit = facts.recipe_values.get("model", {}).get("max_length")
    drawn = float(limit) if found["truncated"] and isinstance(limit, int) else None
    yield tag("figure", plots.lengths(histogram["edges"], histogram["counts"], drawn))


def confidence(facts: ReportFacts) -> Iterator[Child]:
    """Show whether probabilities mean what they say, and what other thresholds would do."""
    found = facts.metrics["calibration"][facts.split]
    words = f"Expected calibration error {found['ece']:.4f}: on average that is how far confidence and truth lie apart."
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
    picture = tag("figure", plots.reliability(found["bins"]))
    yield tag("div", picture, table([], numbers), class_="pair")
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
        "other thresholds",
        tag("p", f"Answering “{found['positive']}” where its probability is at least the threshold:"),
        table(["threshold", "accuracy", "precision", "recall", "F1", "macro F1"], rows),
        tag(
            "p", tag("small", "For information: a threshold picked from this table would be tuned on these very rows.")
        ),
    )


def leaks(facts: ReportFacts) -> Iterator[Child]:
    """Show which texts stand where they should not, and what that does to the score."""
    found = facts.metrics["leaks"]
    rows: list[Sequence[Child]] = [
        [f"{later} texts that also stand in {earlier}", f"{count['exact']:,}", f"{count['folded']:,}"]
        for earlier, later, count in overlaps(found)
    ]
    within = {"repeated texts in train": found.get("duplicates_in_train"), "texts with two labels": found["two_labels"]}
    rows += [[words, f"{count['exact']:,}", f"{count['folded']:,}"] for words, count in within.items() if count]
    yield table(["", "to the letter", "but for case, spaces and <br />"], rows)
    without = found.get("test_without_leaks")
    if not without or not without["leaked_rows"]:
        if without:
            yield tag("p", "No test text was seen before the test.")
        return
    yield tag("p", f"Without the {without['leaked_rows']:,} leaked test texts the scores are:")
    clean, with_leaks = without["scores"], without["scores_with_leaks"]
    if clean is None:
        yield tag("p", "none, since every test text leaked.")
        return
    pairs = {
        "accuracy": (with_leaks["accuracy"], clean["accuracy"]),
        "precision": (with_leaks["precision"], clean["precision"]),
        "recall": (with_leaks["recall"], clean["recall"]),
        "f1": (with_leaks["f1"], clean["f1"]),
    }
    yield table(
        ["", "all test texts", "without leaked ones", "difference"],
        [[name, f"{every:.4f}", f"{unseen:.4f}", f"{unseen - every:+.4f}"] for name, (every, unseen) in pairs.items()],
    )
    yield tag("p", tag("small", 'In the recipe, [split] group_by = "text" keeps equal texts together.'))


def parts(facts: ReportFacts) -> Iterator[Child]:
    """Show the scores of short and long texts, and of other parts."""
    titles = {"tokens": "By length in tokens", "truncated": "Truncated"}
    for way, found in facts.metrics["slices"][facts.split].items():
        if way == "truncated" and len(found) == 1:
            continue  # nothing was cut, or everything: no comparison
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
        yield tag("h3", titles.get(way, f"By {way}"))
        yield table(["", "texts", "accuracy", "95 % of accuracy", "F1"], rows)


def mistakes(facts: ReportFacts) -> Iterator[Child]:
    """Show the texts of which the model was surest and wrong."""
    found = facts.metrics["mistakes"][facts.split]
    if not found:
        yield tag("p", "There are none.")
        return
    shown = found[:SHOWN_MISTAKES]
    yield tag("p", f"The {len(shown)} wrong answers that the model was surest of; predictions.csv has every row.")
    for mistake in shown:
        yield _mistake(mistake, facts.texts.get(mistake["index"]))


def _mistake(mistake: Mistake, text: str | None) -> Html:
    line = tag(
        "p",
        tag("strong", _label(mistake["predicted"])),
        f" at {percent(mistake['confidence'])}; the data says ",
        tag("strong", _label(mistake["gold"])),
        tag("small", f" (row {mistake['row']:,})"),
    )
    if text is None:
        return tag("div", line, class_="mistake")
    shown = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …"
    return tag("div", line, tag("blockquote", shown), class_="mistake")


def _label(label: str | Sequence[str]) -> str:
    if isinstance(label, str):
        return label
    return ", ".join(label) or "no label"
