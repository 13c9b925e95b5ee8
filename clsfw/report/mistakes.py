"""The wrong answers that the model was surest of, folded, with the words that decided where the model knows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clsfw.kit.pairs import sides
from clsfw.report.markup import Child, Html, percent, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clsfw.evidence.metrics import Mistake
    from clsfw.kit.pairs import Text
    from clsfw.report.facts import ReportFacts

SHOWN = 20
LONGEST_TEXT = 1500
"""Characters of a wrong text that the report shows."""

_FITS = 200  # characters that three lines hold
_BREAKS = re.compile(r"(?:[ \t]*<br[ \t]*/?>[ \t]*)+", re.IGNORECASE)


def mistakes(facts: ReportFacts) -> Iterator[Child]:
    """Show the texts of which the model was surest and wrong."""
    found = facts.metrics["mistakes"][facts.split]
    if not found:
        yield tag("p", f"There are no mistakes: all {facts.rows:,} {facts.split} texts are right.")
        return
    shown = found[:SHOWN]
    one = "The wrong answer" if len(shown) == 1 else f"The {len(shown)} wrong answers"
    told = f"{one} that the model was surest of; predictions.csv has every row."
    if any(facts.words.by_mistake.get(mistake["index"]) for mistake in shown):
        told += " Marked are the words that speak most for what was predicted."
    yield tag("p", told)
    for mistake in shown:
        index = mistake["index"]
        yield _mistake(mistake, facts.texts.get(index), facts.words.by_mistake.get(index, ()))


def _mistake(mistake: Mistake, text: Text | None, words: Sequence[str]) -> Html:
    line = tag(
        "span",
        tag("strong", _label(mistake["predicted"])),
        f" at {percent(mistake['confidence'])}; the data says ",
        tag("strong", _label(mistake["gold"])),
        tag("small", f" (row {mistake['row']:,})"),
        class_="said",
    )
    return told(line, text, words)


def told(line: Html, text: Text | None, words: Sequence[str] = ()) -> Html:
    """Put a text, where it is available, below a line about it; a long one is folded."""
    if text is None:
        return tag("div", line, class_="mistake")
    shown = [_BREAKS.sub("\n", _cut(side)) for side in sides(text)]
    body = [tag("span", *_marked(side, words), class_="text") for side in shown]
    whole = "\n".join(shown)
    if len(whole) <= _FITS and whole.count("\n") < 3:  # noqa: PLR2004  # three lines
        return tag("div", line, *body, class_="mistake")
    return tag("details", tag("summary", line, *body), class_="mistake")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …"


def _marked(text: str, words: Sequence[str]) -> Iterator[Child]:
    """Mark the words where they occur whole; a term of two words may have punctuation between them."""
    terms = sorted({tuple(re.findall(r"\w+", word)) for word in words} - {()}, key=len, reverse=True)
    if not terms:
        yield text
        return
    pattern = "|".join(r"\W+".join(map(re.escape, term)) for term in terms)
    pieces = re.split(rf"\b({pattern})\b", text, flags=re.IGNORECASE)
    for i, piece in enumerate(pieces):
        yield tag("mark", piece) if i % 2 else piece


def _label(label: str | Sequence[str]) -> str:
    if isinstance(label, str):
        return label
    return ", ".join(label) or "no label"
