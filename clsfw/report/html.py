"""`report.html`: one file that opens anywhere, without scripts or anything from elsewhere; for screen, phone, paper."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clsfw.evidence.predictions import read_predictions
from clsfw.report import doubts, origin, result
from clsfw.report.classes import MOST_CLASSES, classes, words
from clsfw.report.facts import read_facts
from clsfw.report.live import duration
from clsfw.report.markup import Child, Html, tag
from clsfw.report.mistakes import mistakes
from clsfw.report.pages import page as explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from clsfw.evidence.findings import Finding
    from clsfw.kit.pairs import Text
    from clsfw.report.facts import ReportFacts, Words

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_report(run_dir: Path, texts: Mapping[int, Text] | None = None, found: Words | None = None) -> str:
    """Render the report of a run directory.

    `texts` are the texts of the worst mistakes by index in the split, `found` the words that decided.
    """
    facts = read_facts(run_dir, texts, found)
    if facts.metrics.get("thresholds"):
        facts = replace(facts, predictions=read_predictions(run_dir / "predictions.csv"))
    return render(facts)


def render(facts: ReportFacts) -> str:
    """Render the page."""
    every: list[tuple[str, str, Iterable[Child]]] = [
        ("scores", "Scores", result.scores(facts)),
        ("classes", "Classes", classes(facts)),
        ("words", "Words that decide", words(facts)),
        ("training", "Training", result.training(facts)),
        ("leaks", "Test texts seen in training", doubts.leaks(facts)),
        ("parts", "Scores by kind of text", doubts.parts(facts)),
        ("length", "Text length", doubts.lengths(facts)),
        ("confidence", "Confidence", doubts.confidence(facts)),
        ("mistakes", "Surest mistakes", mistakes(facts)),
        ("recipe", "Recipe", origin.recipe(facts)),
        ("origin", "How it was made", origin.origin(facts)),
    ]
    wide = "classes" if len(facts.labels) > MOST_CLASSES else None
    drawn = [(name, title, list(parts)) for name, title, parts in every]
    sections = [(name, title, parts) for name, title, parts in drawn if parts]
    named = [(name, title, parts, name == wide) for name, title, parts in sections]
    footer = "Made by clsfw. All numbers are in metrics.json, each row in predictions.csv."
    return page(f"{facts.name}: report of a run", _header(facts), named, footer)


def page(title: str, header: Html, sections: Sequence[tuple[str, str, Sequence[Child], bool]], footer: str) -> str:
    """Put a page together: sections are id, title, content, and whether they take the whole width."""
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(style)),
    )
    contents = tag("ul", *(tag("li", tag("a", told, href=f"#{name}")) for name, told, _, _ in sections))
    body = tag(
        "body",
        header,
        tag("nav", contents, aria_label="Contents"),
        tag("main", *(_section(name, told, parts, wide=wide) for name, told, parts, wide in sections)),
        tag("footer", tag("small", footer)),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en").text + "\n"


def _section(name: str, title: str, parts: Sequence[Child], *, wide: bool) -> Html:
    """Put a section together; where a page of the documentation explains it, that is linked."""
    address = explained(name)
    if address is not None:
        words = tag("a", "what this means", href=address, aria_label=f"what this means: {title}")
        parts = [*parts, tag("p", words, class_="about")]
    return tag("section", tag("h2", title), tag("div", *parts), id=name, **({"class_": "wide"} if wide else {}))


def _header(facts: ReportFacts) -> Html:
    given, findings = facts.record.get("verdict"), facts.findings
    void = [finding for finding in findings if finding.weight == "void"]
    parts = [tag("h1", facts.name), *_lines(facts)]
    if given:
        parts.append(result.verdict(given))
    for finding in void:
        words = tag("p", f"{finding.seen}; {finding.remedy}.")
        parts.append(tag("div", tag("strong", "These scores say nothing"), words, class_="verdict bad"))
    parts.append(result.headline(facts))
    if others := [finding for finding in findings if finding.weight != "void"]:
        parts += [tag("h2", "What to look at"), tag("ul", *map(_finding, others), class_="look")]
    if warnings := facts.record.get("warnings") or []:
        parts += [tag("h2", "Warnings"), tag("ul", *(tag("li", words) for words in warnings))]
    return tag("header", *parts)


def _lines(facts: ReportFacts) -> Iterator[Html]:
    """Say what was run on what, and when, how long, by which version and where."""
    used = [facts.component(section) for section in ("data", "model", "trainer")]
    sizes = ", ".join(f"{count:,} {split}" for split, count in facts.metrics["rows"].items())
    line = " · ".join([*(name for name in used if name), f"{sizes} texts", f"{len(facts.labels)} classes"])
    yield tag("p", line, class_="soft")
    record, seconds = facts.record, facts.timings.get("total_seconds")
    started = record.get("started")
    version = record["fixed"]["environment"].get("versions", {}).get("clsfw")
    device = (record.get("training") or {}).get("device")
    known = [
        f"{started[:16].replace('T', ' ')} UTC" if started else "",
        f"took {duration(seconds)} min" if seconds is not None else "",
        f"clsfw {version}" if version else "",
        f"on {device}" if isinstance(device, str) else "",
    ]
    yield tag("p", " · ".join(word for word in known if word), class_="soft")


def _finding(finding: Finding) -> Html:
    """Say what was seen, what fixes it, and where there is more of it."""
    words = f"{finding.seen[:1].upper()}{finding.seen[1:]}. "
    links: list[Child] = [" ", tag("a", "more in this report", href=f"#{finding.about}")]
    if address := explained(finding.about):
        links += [" · ", tag("a", "what it means", href=address)]
    remedy = f"{finding.remedy[:1].upper()}{finding.remedy[1:]}"
    return tag("li", words, tag("em", remedy), ".", tag("span", *links, class_="links"), class_=finding.weight)
