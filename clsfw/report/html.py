"""`report.html`: one file that opens anywhere, without scripts or anything from elsewhere; for screen, phone, paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw.report import doubts, result
from clsfw.report.facts import read_facts
from clsfw.report.markup import Child, Html, details, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from clsfw.evidence.findings import Finding
    from clsfw.report.facts import ReportFacts

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render_report(run_dir: Path, texts: Mapping[int, str] | None = None) -> str:
    """Render the report of a run directory; `texts` gives the texts of the worst mistakes by index in the split."""
    return render(read_facts(run_dir, texts))


def render(facts: ReportFacts) -> str:
    """Render the page."""
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    sections: list[tuple[str, Iterable[Child]]] = [
        ("Scores", result.scores(facts)),
        ("Classes", result.classes(facts)),
        ("Training", result.training(facts)),
        ("Leaks", doubts.leaks(facts)),
        ("Parts", doubts.parts(facts)),
        ("Length", doubts.lengths(facts)),
        ("Confidence", doubts.confidence(facts)),
        ("Mistakes", doubts.mistakes(facts)),
        ("Recipe", _recipe(facts)),
        ("Origin", _origin(facts)),
    ]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{facts.name}: report of a run"),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        _header(facts),
        tag("main", *(tag("section", tag("h2", title), tag("div", *parts)) for title, parts in sections)),
        tag("footer", tag("small", "Made by clsfw. The numbers stand in metrics.json, each row in predictions.csv.")),
    )
    return "<!doctype html>\n" + tag("html", head, body, lang="en").text + "\n"


def _header(facts: ReportFacts) -> Html:
    used = [facts.component(section) for section in ("data", "model", "trainer")]
    rows = facts.metrics["rows"]
    sizes = ", ".join(f"{count:,} {split}" for split, count in rows.items())
    line = " · ".join([*(name for name in used if name), f"{sizes} texts", f"{len(facts.labels)} classes"])
    warnings = facts.record.get("warnings") or []
    told = [tag("h3", "Warnings"), tag("ul", *(tag("li", words) for words in warnings))] if warnings else []
    found = [_finding(finding) for finding in facts.findings]
    return tag("header", tag("h1", facts.name), tag("p", line, class_="soft"), *found, result.verdict(facts), *told)


def _finding(finding: Finding) -> Html:
    words = tag("p", f"{finding.seen}; {finding.mend}.")
    if finding.weight == "void":
        return tag("div", tag("strong", "These scores say nothing"), words, class_="verdict bad")
    return tag("div", words, class_="verdict open" if finding.weight == "warning" else "verdict plain")


def _recipe(facts: ReportFacts) -> Iterator[Child]:
    changed = facts.record.get("differences") or []
    if changed:
        yield tag("p", "This run differs from the recipe as given:")
        yield tag("ul", *(tag("li", line) for line in changed))
    if facts.recipe:
        yield tag("pre", tag("code", facts.recipe))


def _origin(facts: ReportFacts) -> Iterator[Child]:
    record = facts.record
    fixed = record["fixed"]
    data = record.get("data", {})
    run = {"seed": record["seed"], "started": record.get("started"), "continued": record.get("resumed")}
    yield from _facts("Run", {**run, "recipe": record["identity"], **_seconds(facts.timings)})
    hashes = {f"{split}, sha256": found["sha256"] for split, found in data.get("splits", {}).items()}
    yield from _facts("Data", {**data.get("provenance", {}), **hashes})
    model = record.get("model", {})
    itself = {name: value for name, value in model.items() if name != "provenance"}
    yield from _facts("Model", {**model.get("provenance", {}), **itself})
    yield from _facts("Training", record.get("training") or {})
    if plugins := fixed["plugins"]:
        rows: list[Sequence[Child]] = [
            [name, f"{found['distribution']} {found['version']}", tag("code", found.get("sha256", "")[:16])]
            for name, found in plugins.items()
        ]
        yield tag("h3", "Plugins")
        yield table(["", "distribution", "sha256 of its code, first 16 digits"], rows, class_="facts")
    surroundings = fixed["environment"]
    versions = surroundings.get("versions", {})
    yield from _facts("Machine", {name: value for name, value in surroundings.items() if name != "versions"})
    if versions:
        listed = [[name, version] for name, version in versions.items()]
        yield details("library versions", table(["", "version"], listed, class_="facts"))


def _seconds(timings: Mapping[str, float]) -> dict[str, str]:
    return {name.replace("_", " "): f"{value:,.1f}" for name, value in timings.items()}


def _facts(title: str, values: Mapping[str, Any]) -> Iterator[Child]:
    rows = [
        [name.replace("_", " "), _shown(value)] for name, value in values.items() if value not in (None, "", {}, [])
    ]
    if rows:
        yield tag("h3", title)
        yield table([], rows, class_="facts")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)  # noqa: PLR2004  # a year or a seed has no comma
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(item) for item in value)
    return str(value)
