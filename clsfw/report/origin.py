"""The last part of the report: the recipe, and all that the run was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clsfw.report.markup import Child, details, table, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.report.facts import ReportFacts


def recipe(facts: ReportFacts) -> Iterator[Child]:
    """Show the recipe as given, and what was changed."""
    changed = facts.record.get("differences") or []
    if changed:
        yield tag("p", "This run differs from the recipe as given:")
        yield tag("ul", *(tag("li", line) for line in changed))
    if facts.recipe:
        yield tag("pre", tag("code", facts.recipe))


def _texts(rows: Mapping[str, Any]) -> dict[str, str]:
    """Say which columns are the text, where it is not one column alone."""
    columns, pair = rows.get("text_columns") or (), rows.get("text_pair_column")
    told = f"{' and '.join(map(repr, columns))}, joined by {rows.get('text_separator')!r}" if len(columns) > 1 else ""
    if pair is not None:
        told = f"{told or ''.join(map(repr, columns))}, paired with {pair!r}"
    return {"text": told} if told else {}


def origin(facts: ReportFacts) -> Iterator[Child]:
    """Show seed, hashes, plugins, machine and versions."""
    record = facts.record
    fixed = record["fixed"]
    data = record.get("data", {})
    run = {"seed": record["seed"], "started": record.get("started"), "continued": record.get("resumed")}
    yield from _facts("Run", {**run, "recipe": record["identity"], **_seconds(facts.timings)})
    hashes = {f"{split}, sha256": found["sha256"] for split, found in data.get("splits", {}).items()}
    yield from _facts("Data", {**_texts(data.get("rows", {})), **data.get("provenance", {}), **hashes})
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
        yield table(["plugin", "distribution", "sha256 of its code, first 16 digits"], rows, class_="facts")
    surroundings = fixed["environment"]
    versions = surroundings.get("versions", {})
    yield from _facts("Machine", {name: value for name, value in surroundings.items() if name != "versions"})
    if versions:
        listed = [[name, version] for name, version in versions.items()]
        yield details("Library versions", table(["library", "version"], listed, class_="facts"))


def _seconds(timings: Mapping[str, float]) -> dict[str, str]:
    told = {name: value for name, value in timings.items() if name != "report_seconds"}  # they go on as this is written
    return {name.replace("_", " "): f"{value:,.1f}" for name, value in told.items()}


def _facts(title: str, values: Mapping[str, Any]) -> Iterator[Child]:
    rows = [
        [name.replace("_", " "), _shown(value)] for name, value in values.items() if value not in (None, "", {}, [])
    ]
    if rows:
        yield tag("h3", title)
        yield table([], rows, class_="facts", name=title)


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
