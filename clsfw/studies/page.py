"""`report.html` of a study: one file that opens anywhere, made as that of a run is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clsfw.report import shapes
from clsfw.report.classes import MOST_CLASSES, shaded
from clsfw.report.facts import title
from clsfw.report.html import page
from clsfw.report.markup import Child, Html, details, percent, table, tag
from clsfw.report.mistakes import told
from clsfw.studies import pictures
from clsfw.studies.content import RUNS
from clsfw.studies.search import values_told
from clsfw.studies.steadiness import MOST, steadiness, summed
from clsfw.studies.summary import gain_told, importance_told, luck_told
from clsfw.studies.whole import judged, over_seeds_and_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clsfw.evidence.predictions import PredictionTable
    from clsfw.kit.pairs import Text
    from clsfw.studies.content import FinishedStudy, SearchRecord, Spread, StudyVerdict
    from clsfw.studies.steadiness import Steadiness

_TONES = {"REPRODUCED": "good", "NOT REPRODUCED": "bad", "NOT COMPARABLE": "open"}
_FOOTER = "Made by clsfw. All numbers are in study.json, each run has a report and predictions of its own."


def shown_rows(tables: Sequence[PredictionTable]) -> list[int]:
    """Return the indices of the rows whose texts the report shows."""
    found = steadiness(tables)
    return [int(i) for i in (*found.lost[:MOST], *found.flipping[:MOST])]


def render_study(study: FinishedStudy, texts: Mapping[int, Text]) -> str:
    """Render the page; `texts` are those of `shown_rows` by index."""
    runs = judged(study)
    tables = [run.predictions for run in runs]
    split, rows = runs[0].split, steadiness(tables)
    limits = runs[0].metrics["intervals"].get(split, {})
    parts: list[tuple[str, str, list[Child]]] = [
        ("scores", "Scores", list(_scores(study, split, limits))),
        ("search", "Search", list(_search(study))),
        ("classes", "Classes", list(_matrix(tables))),
        ("wrong", "Wrong with every seed", list(_lost(rows, tables, texts))),
        ("flips", "Flips between seeds", list(_flips(rows, tables, texts))),
        ("runs", "Runs", list(_runs(study, split))),
    ]
    sections = [(name, heading, drawn, False) for name, heading, drawn in parts if drawn]
    header = _header(study, split, tables[0])
    return page(f"{study.record['name']}: report of a study", header, sections, _FOOTER)


def _header(study: FinishedStudy, split: str, first: PredictionTable) -> Html:
    seeds = list(dict.fromkeys(run["seed"] for run in study.record["runs"]))
    line = (
        f"{len(seeds)} seeds: {', '.join(map(str, seeds))} · {len(first):,} {split} texts · {len(first.labels)} classes"
    )
    parts: list[Child] = [tag("h1", study.record["name"]), tag("p", line, class_="soft")]
    if study.verdict is not None:
        parts.append(_verdict(study.verdict, len(seeds)))
    parts.append(_headline(study, split))
    search = study.record["search"]
    if search is not None:
        _, gained = gain_told(search)
        metric = str(study.record["study"]["search"]["metric"])
        words = [
            f"Chosen: {values_told(search['chosen']['values'])}.",
            _sentence(gained),
            _sentence(luck_told(search, metric)),
        ]
        parts += [tag("h2", "What the search found"), tag("ul", *(tag("li", said) for said in words), class_="look")]
    if lost := [run for run in study.record["runs"] if run["error"] is not None]:
        said = [tag("li", f"{run['run']} has no score: {run['error']}", class_="warning") for run in lost]
        parts += [tag("h2", "Training that diverged"), tag("ul", *said, class_="look")]
    return tag("header", *parts)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _headline(study: FinishedStudy, split: str) -> Html:
    scores = study.scores[split]
    name = "accuracy" if "accuracy" in scores else next(iter(scores))
    called = name.replace("_", " ").capitalize()
    spread, several = scores[name], "s" if len(scores[name]["values"]) > 1 else ""
    both = over_seeds_and_rows(study, name)
    low, high = both or spread["interval"]
    whose = " by the chosen values" if study.record["search"] is not None else ""
    return tag(
        "p",
        tag("strong", f"{called} {spread['mean']:.4f}{whose}, the mean of {len(spread['values'])} seed{several}."),
        f" Over all seeds {'and test texts ' if both else ''}there might be ",
        f"it is likely between {low:.4f} and {high:.4f} (95 % confidence interval).",
        "" if both else " Other test texts would move it, too: each run's own report says how far.",
        class_="headline",
    )


def _verdict(verdict: StudyVerdict, seeds: int) -> Html:
    alone = f"By the mean of {seeds} seeds; {round(verdict['passed'] * seeds)} of {seeds} alone would have passed."
    lines = [
        f"{check['what']}: {'none' if check['found'] is None else format(check['found'], '.4f')}, "
        f"{'within' if check['held'] else 'not within'} {check['tolerance']:g} of {check['expected']:g}"
        for check in verdict["checks"]
    ]
    said = tag("ul", *(tag("li", line) for line in [*verdict["reasons"], *lines]))
    source = [tag("p", tag("small", f"Published: {verdict['source']}"))] if verdict["source"] else []
    return tag(
        "div",
        tag("strong", verdict["status"]),
        tag("p", alone),
        said,
        *source,
        class_=f"verdict {_TONES[verdict['status']]}",
    )


def _scores(study: FinishedStudy, split: str, limits: Mapping[str, Sequence[float]]) -> Iterator[Child]:
    search = study.record["search"]
    both = {"": study.scores[split]}
    if search is not None:
        both = {"the chosen values": study.scores[split], "the recipe's own values": search["own_scores"][split]}
    edges = [
        edge
        for scores in both.values()
        for spread in scores.values()
        for edge in (*spread["values"], *spread["interval"])
    ]
    margin = max((max(edges) - min(edges)) * 0.05, 1e-6)
    axis = (min(edges) - margin, max(edges) + margin)
    for whose, scores in both.items():
        if whose:
            yield tag("h3", f"{split}, {whose}")
        rows = [_score(title(name, limits), spread, axis) for name, spread in scores.items()]
        yield table(["score", "mean", "std", "95 % interval over seeds"], rows, name="Scores")
    words = (
        "Each small dot is a seed, the large one their mean, the line Student's interval for the mean over all seeds."
    )
    yield tag("p", tag("small", words))


def _score(name: str, spread: Spread, axis: tuple[float, float]) -> list[Child]:
    low, high = spread["interval"]
    drawn = shapes.seeds(spread["values"], spread["mean"], spread["interval"], axis)
    return [
        name,
        f"{spread['mean']:.4f}",
        f"{spread['std']:.4f}",
        tag("span", f"{low:.4f} to {high:.4f}", drawn, class_="interval"),
    ]


def _search(study: FinishedStudy) -> Iterator[Child]:
    search = study.record["search"]
    if search is None:
        return
    asked = study.record["study"]["search"]
    metric, space = str(asked["metric"]), asked["space"]
    yield tag("figure", pictures.course(search["trials"], metric, greater=_greater(search)))
    drawn = [
        tag("figure", pictures.against(name, search["trials"], metric, within=within, number=i))
        for i, (name, within) in enumerate(space.items())
    ]
    yield tag("h3", "Score against each setting")
    yield tag("div", *drawn, class_="pair")
    if (hint := importance_told(search)) is not None:
        words = " (permutation importance in a forest of trees; settings act together, and trials are few)"
        yield tag("p", _sentence(hint).rstrip("."), tag("small", words), ".")
    names = list(space)
    head: list[Child] = ["trial", f"validation {metric}", *(name.partition(".")[2] for name in names)]
    yield details(f"All {len(search['trials'])} trials", table(head, list(_trials(search, names)), name="Trials"))


def _greater(search: SearchRecord) -> bool:
    """Return whether the chosen trial has the greatest score; otherwise it has the least."""
    scores = [trial["score"] for trial in search["trials"] if trial["score"] is not None and trial["share"] == 1]
    return search["chosen"]["score"] == max(scores)


def _trials(search: SearchRecord, names: Sequence[str]) -> Iterator[list[Child]]:
    for trial in search["trials"]:
        score = "diverged" if trial["score"] is None else f"{trial['score']:.4f}"
        at = "" if trial["share"] == 1 else f" at {percent(trial['share'], 0)}"
        values = [values_told({name: trial["values"][name]}).partition(" ")[2] for name in names]
        yield [str(trial["number"]), score + at, *values]


def _matrix(tables: Sequence[PredictionTable]) -> Iterator[Child]:
    matrix, labels = summed(tables), tables[0].labels
    if matrix is None:
        return
    yield tag("p", f"True and predicted classes, summed over {len(tables)} seeds.")
    if len(labels) <= MOST_CLASSES:
        yield shaded(matrix, labels)
        return
    yield tag("figure", tag("div", shapes.mistakes_matrix(matrix, labels), class_="scroll", tabindex="0", role="group"))


def _lost(rows: Steadiness, tables: Sequence[PredictionTable], texts: Mapping[int, Text]) -> Iterator[Child]:
    count = len(rows.lost)
    if not count:
        yield tag("p", "Each row is right with at least one seed.")
        return
    few = f" The {MOST} that the models are surest of:" if count > MOST else ""
    yield tag("p", f"{count:,} rows are wrong with every seed. Look at these first: some carry a wrong label.{few}")
    for i in rows.lost[:MOST]:
        most = _majority(tables, int(i))
        line = tag(
            "span", tag("strong", most), f" at {percent(float(rows.confidence[i]))} on average; the data says ",
            tag("strong", _name(tables[0], tables[0].references[i])), tag("small", f" (row {tables[0].rows[i]:,})"),
            class_="said",
        )  # fmt: skip
        yield told(line, texts.get(int(i)))


def _flips(rows: Steadiness, tables: Sequence[PredictionTable], texts: Mapping[int, Text]) -> Iterator[Child]:
    count, whole = len(rows.flipping), len(rows.right)
    if not count:
        yield tag("p", "No row is right with one seed and wrong with another.")
        return
    few = f" The {MOST} that are most evenly divided:" if count > MOST else ""
    words = (
        f"{count:,} of {whole:,} rows ({percent(count / whole)}) are right with some seeds and wrong with others.{few}"
    )
    yield tag("p", words)
    for i in rows.flipping[:MOST]:
        line = tag(
            "span", tag("strong", f"{rows.right[i]} of {rows.seeds} seeds"), " are right; the data says ",
            tag("strong", _name(tables[0], tables[0].references[i])), tag("small", f" (row {tables[0].rows[i]:,})"),
            class_="said",
        )  # fmt: skip
        yield told(line, texts.get(int(i)))


def _majority(tables: Sequence[PredictionTable], row: int) -> str:
    said = [_name(table, table.predictions[row]) for table in tables]
    return max(said, key=said.count)


def _name(table: PredictionTable, ids: np.ndarray) -> str:
    if np.ndim(ids) == 0:
        return table.labels[int(ids)]
    return ", ".join(table.labels[i] for i in np.flatnonzero(ids)) or "no label"


def _runs(study: FinishedStudy, split: str) -> Iterator[Child]:
    by_name = {run.directory.name: run for run in study.runs}
    names = list(study.scores[split])
    rows: list[list[Child]] = []
    for listed in study.record["runs"]:
        run = by_name.get(listed["run"])
        link = tag("a", listed["run"], href=f"{RUNS}/{listed['run']}/report.html")
        scores = (
            [f"{run.scores[name]:.4f}" for name in names] if run is not None else ["diverged", *[""] * (len(names) - 1)]
        )
        rows.append([link, str(listed["seed"]), listed["values"], *scores])
    yield tag("p", "Each is an ordinary run, with a report of its own.")
    yield table(["run", "seed", "values", *(f"{split} {name}" for name in names)], rows, name="Runs")
