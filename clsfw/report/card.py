"""`README.md` of a run: a model card in the form of the Hugging Face hub, with nothing of this machine in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clsfw.kit.text import clean, markdown
from clsfw.report.facts import read_facts
from clsfw.report.markup import percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from clsfw.report.facts import ReportFacts

_HUB_METRICS = ("accuracy", "precision", "recall", "f1")
_MOST_CLASSES = 20


def model_card(run_dir: Path, *, alone: bool = False) -> str:
    """Write the card of a run directory, or of its folder `model`, which is a repository of the hub by itself."""
    whole = card(read_facts(run_dir), alone=alone)
    return whole if alone else whole + _chosen(run_dir)


def card(facts: ReportFacts, *, alone: bool = False) -> str:
    """Write the card."""
    import yaml

    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True, width=1_000_000)
    return f"---\n{front}---\n\n" + "\n".join(_body(facts, alone=alone)) + "\n"


def _chosen(run_dir: Path) -> str:
    """Say how the settings were chosen, where the run is one of a study's with what its search chose."""
    chosen, begun = (_read(run_dir.parent.parent / name) for name in ("chosen.json", "begun.json"))
    search = begun.get("study", {}).get("search", {})
    if not run_dir.name.startswith("chosen-") or not chosen or not search:
        return ""
    values = ", ".join(f"{name} = {json.dumps(value)}" for name, value in chosen["values"].items())
    words = (
        f"`{values}` were chosen by a search: of {search['trials']:,} trials ({search['use']}) they have the best "
        f"{search['metric']} on the validation split, {chosen['score']:.4f}. The test split was opened afterwards, for "
        "these values and the recipe's own, each under seeds that no trial had; the study's report has both.\n"
    )
    return f"\n## How its settings were chosen\n\n{words}"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _front_matter(facts: ReportFacts) -> dict[str, Any]:
    checkpoint = facts.recipe_values.get("model", {}).get("checkpoint")
    front: dict[str, Any] = {
        "library_name": facts.library,
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", "clsfw"],
    }
    if isinstance(checkpoint, str) and _is_hub_id(checkpoint):
        front["base_model"] = checkpoint
    results = [
        {"type": name, "value": value, "name": f"{name} ({facts.split})"}
        for name, value in facts.scores.items()
        if name in _HUB_METRICS
    ]
    if not results:  # the hub wants at least one
        return front
    front["metrics"] = [result["type"] for result in results]
    data = clean(facts.component("data")) or "data"
    front["model-index"] = [
        {
            "name": clean(facts.name),
            "results": [
                {
                    "task": {"type": "text-classification", "name": "Text Classification"},
                    "dataset": {"type": data, "name": data, "split": facts.split},
                    "metrics": results,
                }
            ],
        }
    ]
    return front


def _is_hub_id(checkpoint: str) -> bool:
    return clean(checkpoint) == checkpoint and checkpoint.count("/") <= 1 and not checkpoint.startswith((".", "/", "~"))


def _body(facts: ReportFacts, *, alone: bool) -> Iterator[str]:
    limits = facts.limits
    yield f"# {markdown(facts.name)}"
    yield ""
    parts = [facts.component(section) for section in ("model", "data", "trainer")]
    yield f"A text classifier: {' · '.join(markdown(part) for part in parts if part)}. Made by clsfw."
    yield ""
    verdict = facts.record.get("verdict")
    if verdict:
        yield f"Against the published result: **{markdown(verdict['status'])}**" + (
            f" ({markdown(verdict['source'])})" if verdict.get("source") else ""
        )
        yield ""
    yield f"## Scores on {facts.rows:,} {facts.split} texts"
    yield ""
    rows = [
        [facts.title(name), f"{value:.4f}", f"{limits[name][0]:.4f} to {limits[name][1]:.4f}" if name in limits else ""]
        for name, value in facts.scores.items()
    ]
    yield from _table(["score", "value", "95 % interval"], rows)
    report = facts.classes
    shown = list(report.items())[:_MOST_CLASSES]
    yield from _table(
        ["class", "precision", "recall", "F1", "texts"],
        [
            [label, *(f"{s[name]:.4f}" for name in ("precision", "recall", "f1")), f"{s['support']:,}"]
            for label, s in shown
        ],
    )
    if len(report) > len(shown):
        yield f"and {len(report) - len(shown)} more classes{'' if alone else '; metrics.json has all of them'}."
        yield ""
    yield "## Limits"
    yield ""
    yield from _limits(facts)
    yield ""
    yield "## Use"
    yield ""
    yield from _use(facts, alone=alone)


def _limits(facts: ReportFacts) -> Iterator[str]:
    cut = facts.metrics["truncation"][facts.split]
    if cut["truncated"]:
        yield f"- {percent(cut['share'])} of the {facts.split} texts are longer than the model reads, and were cut."
    for finding in facts.findings:
        words = markdown(finding.seen)
        yield f"- **{words}**." if finding.weight == "void" else f"- {words[:1].upper()}{words[1:]}."
    yield f"- Expected calibration error: {facts.metrics['calibration'][facts.split]['ece']:.4f}."
    yield f"- It knows {len(facts.labels)} labels, for texts of the language and the kind that it was trained on."


def _use(facts: ReportFacts, *, alone: bool) -> Iterator[str]:
    pairs = facts.record.get("data", {}).get("pairs")
    given = '("a text", "its other text")' if pairs else '"a text"'
    if facts.library == "transformers":
        yield "In this directory, or with its repository's name in place of the dot:" if alone else "In this directory:"
        every = ", top_k=None" if facts.metrics["multi_label"] else ""
        model = "." if alone else "model"
        loads = f'classify = pipeline("text-classification", model="{model}", truncation=True{every})'
        given = '{"text": "a text", "text_pair": "its other text"}' if pairs else '"a text"'
        code = ["from transformers import pipeline", "", loads, f"print(classify({given}))"]
    elif alone:
        yield "This is the folder `model` of a run directory, which clsfw reads as a whole. In that directory:"
        code = ["import clsfw", "", f'print(clsfw.load(".")({given}))']
    else:
        yield "In this directory:"
        code = ["import clsfw", "", f'print(clsfw.load(".")({given}))']
    yield from ("", "```python", *code, "```")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(markdown(cell) for cell in row)} |"
    yield ""
